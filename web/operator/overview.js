import { announce } from '../announce.js';
import { byId, create, formatCount, formatDateTime, formatDuration, setText } from '../dom.js';
import { createRows } from './rows.js';

/** @typedef {import('../../src/http/operators/operatorReplies.ts').OperatorState} State */
/** @typedef {State['answeredBy']} Process */
/** @typedef {NonNullable<State['redis']['state']>['partitions'][number]} Partition */
/** @typedef {{ name: string, value: string, detail: string, state: 'good' | 'bad' | 'unknown' }} Sign */

/** The figures that are read at once: signs, processes, partitions, versions. */
export function openOverview() {
  const signs = createRows(byId('signs'), {
    keyOf: (/** @type {Sign} */ { name }) => name,
    make(latest) {
      const value = create('dd', { class: 'value' });
      const detail = create('dd', { class: 'hint' });
      const element = create('div', {}, create('dt', {}, latest().name), value, detail);
      return {
        element,
        update(sign) {
          // A screen reader gets a change of the state, and not every new figure.
          if (element.dataset.state !== undefined && element.dataset.state !== sign.state)
            announce(`${sign.name}: ${sign.value}`);
          element.dataset.state = sign.state;
          setText(value, sign.value);
          setText(detail, sign.detail);
        },
      };
    },
  });
  const processes = createTable(
    'processes',
    (/** @type {Process} */ { id }) => id,
    (process) => [
      process.id,
      process.gate.open ? 'open' : `shut: ${process.gate.why}`,
      formatDateTime(Date.parse(process.gate.since)),
      reconcileText(process.reconcile),
      process.silent ? `silent for ${formatDuration(process.silentMs)}` : `${formatDuration(process.silentMs)} ago`,
      revisionText(process),
    ],
    ({ gate, silent }) => !gate.open || silent,
  );
  const partitions = createTable(
    'partitions',
    (/** @type {Partition} */ { partition }) => String(partition),
    ({ partition, fence, outbox, deadLetters }) => [
      String(partition),
      fence ? 'stands' : 'missing',
      formatCount(outbox.entries),
      outbox.entries === 0 ? '' : formatDuration(outbox.oldestMs),
      formatCount(deadLetters),
    ],
    ({ fence, deadLetters }) => !fence || deadLetters > 0,
  );
  return {
    /** @param {State} state */
    show(state) {
      const { answeredBy, at, redis, mysql } = state;
      setText(byId('answered-by'), `Answered by process ${answeredBy.id}, ${formatDateTime(Date.parse(at))}.`);
      signs.show(signsOf(state));
      processes.show(redis.state?.processes ?? [answeredBy]);
      setText(
        byId('processes-hint'),
        redis.state === null
          ? 'Only the process that answered: Redis, which has the reports of the others, does not answer.'
          : 'All processes that use this Redis.',
      );
      if (redis.state !== null) partitions.show(redis.state.partitions);
      setText(
        byId('partitions-hint'),
        redis.state === null
          ? 'As last read: Redis does not answer.'
          : 'The outbox holds events that MySQL does not have yet.',
      );
      const migrations = mysql.state?.migrations;
      showVersions({
        Program: revisionText(answeredBy),
        Node: answeredBy.node,
        Redis: redis.state?.version ?? `unknown: ${redis.error}`,
        MySQL: mysql.state?.version ?? `unknown: ${mysql.error}`,
        Migrations: migrations === undefined ? 'unknown' : migrationText(migrations),
      });
    },
  };
}

/**
 * @template Item
 * @param {string} id of the body of a table
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => string[]} cellsOf the first one names the row
 * @param {(item: Item) => boolean} isBad
 */
const createTable = (id, keyOf, cellsOf, isBad) =>
  createRows(byId(id), {
    keyOf,
    make(latest) {
      const cells = cellsOf(latest()).map((_, place) =>
        create(place === 0 ? 'th' : 'td', place === 0 ? { scope: 'row' } : {}),
      );
      const element = create('tr', {}, ...cells);
      return {
        element,
        update(item) {
          element.dataset.state = isBad(item) ? 'bad' : 'good';
          for (const [place, text] of cellsOf(item).entries()) setText(/** @type {Element} */ (cells[place]), text);
        },
      };
    },
  });

/** @param {State} state @returns {Sign[]} */
function signsOf({ answeredBy, outbox, redis, mysql }) {
  const unknown = (/** @type {string} */ name, /** @type {string | null} */ error) =>
    /** @type {Sign} */ ({ name, value: 'unknown', detail: error ?? '', state: 'unknown' });
  const processes = (redis.state?.processes ?? [answeredBy]).filter(({ silent }) => !silent);
  const shut = processes.filter(({ gate }) => !gate.open);
  const [example] = shut.length > 0 ? shut : processes;
  const silent = (redis.state?.processes ?? []).length - processes.length;
  const since = example === undefined ? '' : `since ${formatDateTime(Date.parse(example.gate.since))}`;
  /** @type {Sign[]} */
  const signs = [
    {
      name: 'Gate',
      value:
        shut.length === 0
          ? 'open'
          : shut.length === processes.length
            ? 'shut'
            : `shut in ${shut.length} of ${processes.length} processes`,
      detail: [example?.gate.why, since, silent > 0 ? `${silent} processes are silent` : undefined]
        .filter(Boolean)
        .join(', '),
      state: shut.length > 0 || silent > 0 ? 'bad' : 'good',
    },
    reconcileSign(redis.state?.reconciled, processes),
  ];
  if (redis.state === null)
    signs.push(...['Outbox', 'Dead letters', 'Damaged coupons'].map((name) => unknown(name, redis.error)));
  else {
    const { partitions, damagedCoupons } = redis.state;
    const entries = partitions.reduce((sum, { outbox: { entries: some } }) => sum + some, 0);
    const oldestMs = Math.max(...partitions.map(({ outbox: { oldestMs: age } }) => age));
    const letters = partitions.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
    signs.push(
      {
        name: 'Outbox',
        value: `${formatCount(entries)} ${entries === 1 ? 'entry' : 'entries'}`,
        detail: `${outbox.full ? 'full, ' : ''}${entries === 0 ? '' : `oldest ${formatDuration(oldestMs)}, `}limit ${formatCount(outbox.limit)}`,
        state: outbox.full || oldestMs > 60_000 ? 'bad' : 'good',
      },
      countSign('Dead letters', letters),
      damagedCoupons === null ? unknown('Damaged coupons', redis.error) : countSign('Damaged coupons', damagedCoupons),
    );
  }
  if (mysql.state === null) signs.push(unknown('Subscriptions', mysql.error));
  else {
    const { total, failing, lag } = mysql.state.subscriptions;
    signs.push({
      name: 'Subscriptions',
      value:
        failing === 0 ? `${formatCount(total)}, none fails` : `${formatCount(failing)} of ${formatCount(total)} fail`,
      detail: lag === 0 ? '' : `at most ${formatCount(lag)} positions behind`,
      state: failing > 0 ? 'bad' : 'good',
    });
  }
  for (const [name, { error, state }] of /** @type {const} */ ([
    ['Redis', redis],
    ['MySQL', mysql],
  ]))
    signs.push({
      name,
      value: error === null ? 'answers' : state === null ? 'does not answer' : 'answers in part',
      detail: error ?? state?.version ?? '',
      state: error === null ? 'good' : 'bad',
    });
  return signs;
}

/** @param {string} name @param {number} count @returns {Sign} */
const countSign = (name, count) => ({
  name,
  value: formatCount(count),
  detail: '',
  state: count > 0 ? 'bad' : 'good',
});

/** @param {boolean | undefined} reconciled undefined while Redis does not answer @param {Process[]} processes @returns {Sign} */
function reconcileSign(reconciled, processes) {
  const working = processes.map(({ reconcile }) => reconcile).find(({ step }) => step !== null);
  const failed = processes.map(({ reconcile }) => reconcile.error).find((error) => error !== null);
  if (working !== undefined)
    return { name: 'Reconcile', value: reconcileText(working), detail: failed ?? '', state: 'bad' };
  if (reconciled === undefined)
    return { name: 'Reconcile', value: 'unknown', detail: failed ?? 'Redis does not answer', state: 'unknown' };
  return {
    name: 'Reconcile',
    value: reconciled ? 'done' : 'needed',
    detail: failed ?? lastText(processes),
    state: reconciled ? 'good' : 'bad',
  };
}

/** @param {Process[]} processes */
function lastText(processes) {
  const [last] = processes
    .flatMap(({ reconcile }) => (reconcile.last === null ? [] : [reconcile.last]))
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  return last === undefined
    ? ''
    : `${formatDateTime(Date.parse(last.at))}: ${formatCount(last.coupons)} coupons, ${formatCount(last.rebuilt)} rebuilt`;
}

/** @param {Process['reconcile']} reconcile */
function reconcileText({ step, done, of, error }) {
  switch (step) {
    case 'waiting':
      return 'waits for the other processes';
    case 'draining':
      return 'drains the outbox';
    case 'rebuilding':
      return `${of === 0 ? 100 : Math.floor((done / of) * 100)} % of ${formatCount(of)} events`;
    default:
      return error === null ? 'idle' : `failed: ${error}`;
  }
}

/** @param {Process} process */
const revisionText = ({ version, revision }) => (revision === null ? version : `${version}, ${revision.slice(0, 10)}`);

/** @param {{ applied: number, missing: string[], unknown: string[] }} migrations */
const migrationText = ({ applied, missing, unknown }) =>
  [
    `${applied} applied`,
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`of a newer version: ${unknown.join(', ')}`] : []),
  ].join('; ');

/** @param {Record<string, string>} versions */
function showVersions(versions) {
  const list = byId('versions');
  const text = JSON.stringify(versions);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  list.replaceChildren(
    ...Object.entries(versions).map(([name, value]) =>
      create('div', {}, create('dt', {}, name), create('dd', {}, value)),
    ),
  );
}
