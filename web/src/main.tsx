import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import './style/dialogs.css';
import './style/tables.css';
import './style/rack.css';
import './style/machine.css';
import './style/story.css';
import './style/pages.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { ConsoleContext, createConsole } from './state/console.ts';

const root = document.querySelector('#app');
if (!root) throw new Error('index.html has no element #app');
render(
  <ConsoleContext.Provider value={createConsole()}>
    <App />
  </ConsoleContext.Provider>,
  root,
);
