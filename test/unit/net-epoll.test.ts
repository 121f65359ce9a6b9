import test, { type ExecutionContext } from 'ava';
import {
  acknowledge,
  Epoll,
  openEpoll,
  openEventfd,
  openTimer,
  raise,
  setTimer,
} from '../../src/net/epoll.ts';
import { closeDescriptor } from '../../src/net/libc.ts';

function closedAfter(t: ExecutionContext, fd: number): number {
  t.teardown(() => closeDescriptor(fd));
  return fd;
}

test('a wait ends when a descriptor can be read, and says which', (t) => {
  const epoll = new Epoll(closedAfter(t, openEpoll()));
  const [one, two] = [closedAfter(t, openEventfd()), closedAfter(t, openEventfd())];
  epoll.add(one);
  epoll.add(two);
  t.is(epoll.wait(0), 0);
  raise(two);
  t.is(epoll.wait(-1), 1);
  t.is(epoll.ready(0), two);
  raise(one);
  t.is(epoll.wait(-1), 2);
  t.deepEqual([epoll.ready(0), epoll.ready(1)].sort(), [one, two].sort());
});

test('an eventfd can be read until that is acknowledged', (t) => {
  const epoll = new Epoll(closedAfter(t, openEpoll()));
  const fd = closedAfter(t, openEventfd());
  epoll.add(fd);
  raise(fd);
  raise(fd);
  t.is(epoll.wait(0), 1);
  acknowledge(fd);
  t.is(epoll.wait(0), 0);
});

test('a timer ticks again and again until it is stopped', (t) => {
  const epoll = new Epoll(closedAfter(t, openEpoll()));
  const timer = closedAfter(t, openTimer());
  epoll.add(timer);
  t.is(epoll.wait(0), 0, 'it does not run yet');
  setTimer(timer, 5);
  for (let tick = 0; tick < 3; tick++) {
    t.is(epoll.wait(-1), 1);
    acknowledge(timer);
  }
  setTimer(timer, 0);
  acknowledge(timer);
  t.is(epoll.wait(20), 0);
});

test('what is removed is watched no longer', (t) => {
  const epoll = new Epoll(closedAfter(t, openEpoll()));
  const fd = closedAfter(t, openEventfd());
  epoll.add(fd);
  raise(fd);
  epoll.remove(fd);
  t.is(epoll.wait(0), 0);
  t.throws(() => epoll.remove(fd), { message: 'epoll_ctl: ENOENT' });
});
