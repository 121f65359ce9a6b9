import { formatBytes } from '../../../src/machines/units.ts';
import type { Image } from '../model/api.ts';
import { ImagePulls } from '../parts/image-pulls.tsx';
import { Empty } from '../parts/shell.tsx';
import { useFetched } from '../parts/use-fetched.ts';

/** What machines can download, and what a profile names that isn't there. */
export function ImagesPage() {
  const images = useFetched<{ images: Image[] }>('/v1/images', 0, 15_000);
  const list = images.value?.images;
  return (
    <>
      <ImagePulls onPulled={images.reload} />
      {images.problem && <p class="problem">{images.problem}</p>}
      {list?.length === 0 && (
        <Empty title="No profile names an image">
          <p>
            Pull one, or put a kernel and an initrd into a folder below <code>assets/</code>, then name the
            folder in a profile: <code>boot: {'{ image: flatcar/4593.2.5 }'}</code>
          </p>
        </Empty>
      )}
      <div class="cards">
        {list?.map((image) => (
          <ImageCard key={image.name} image={image} />
        ))}
      </div>
    </>
  );
}

function ImageCard({ image }: { readonly image: Image }) {
  const { name, files, missing, profiles, origin, signedBy, links = [] } = image;
  return (
    <section class={`card ${missing.length > 0 ? 'lacking' : ''}`} aria-label={`Image ${name}`}>
      <h2 class="mono">{name}</h2>
      <p class="muted">
        {profiles.length > 0 ? `for ${profiles.join(', ')}` : 'no profile names it'}
        {origin !== undefined && `; from ${origin}${signedBy === undefined ? '' : ', signed'}`}
        {links.length > 0 && `; also as ${links.join(', ')}`}
      </p>
      <ul class="files">
        {missing.map((file) => (
          <li key={file} class="missing">
            <span class="mono">{file}</span>
            <span class="badge state-stuck">missing</span>
          </li>
        ))}
        {files.map((file) => (
          <li key={file.name}>
            <span class="mono">{file.name}</span>
            <span class="muted">{formatBytes(file.size)}</span>
          </li>
        ))}
      </ul>
      {missing.length > 0 && (
        <p class="problem">
          Machines with {profiles.length > 1 ? 'these profiles' : 'this profile'} can’t boot. Put what is
          missing into <code>assets/{name}/</code>.
        </p>
      )}
    </section>
  );
}
