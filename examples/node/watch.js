// Keeps the map of customers by a watch that outlives its connections.
import { setTimeout as sleep } from 'node:timers/promises';
import { isOurMistake, reason } from './client.js';
import { Customers, milliseconds, show } from './customers.js';

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/** Prints every change, until SIGINT or SIGTERM. */
export async function follow({ client, header }, ...named) {
  const kept = new Customers(process.env.TOLLGATE_STATE);
  const told = new Map();
  let call, heard;
  let silence = 15_000;
  let pause = FIRST_PAUSE;

  const tell = () => {
    for (const customer of named) {
      for (const { feature } of kept.defaults.features) {
        const answer = kept.answer(customer, feature);
        const about = `${customer}: ${feature}`;
        if (!answer || told.get(about) === show(answer)) continue;
        told.set(about, show(answer));
        console.log(about, show(answer));
      }
    }
  };
  setInterval(() => {
    tell(); // connected or not, the schedules turn
    if (performance.now() > heard + silence) call.cancel(); // the connection is dead and nobody said so
  }, 1_000);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));

  for (;;) {
    let delay;
    try {
      const request = { filter: { customers: named }, revision: kept.revision };
      call = client.watchEntitlements(request, header); // no deadline: it stays
      call.on('error', () => {}); // also one that comes after the loop below has ended
      heard = performance.now();
      for await (const frame of call) {
        heard = performance.now();
        if (!kept.fold(frame)) {
          console.log('a frame was lost: anew');
          call.cancel();
          break;
        }
        if (frame.event === 'opened') {
          console.log('opened:', kept.snapshot ? 'snapshot' : 'resumed');
          silence = 3 * milliseconds(frame.opened.checkpointInterval);
        } else if (frame.event === 'checkpoint') {
          pause = FIRST_PAUSE;
          kept.save();
        } else if (frame.event === 'closing') {
          delay = milliseconds(frame.closing.retryDelay);
          console.log('closing:', frame.closing.reason);
        }
        tell();
      }
    } catch (error) {
      if (['INVALID_REVISION', 'REVISION_COMPACTED'].includes(reason(error))) kept.revision = '';
      else if (isOurMistake(error) || error.code === undefined) throw error;
      console.log('broken:', reason(error));
    }
    if (delay === undefined) {
      delay = pause * (0.5 + Math.random() / 2);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    await sleep(delay);
  }
}
