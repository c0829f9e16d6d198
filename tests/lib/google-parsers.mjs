// SPDX-License-Identifier: MIT
// How Google's own clients in other languages take a stream apart, by their documented rules, each as small as can be.
// They throw where the client would raise an error; else they give the JSON values that the client would see.

// Python (google-genai): by lines. Empty ones are skipped; what follows `data: ` is an event; anything else is gathered
// until its braces balance (an error comes like that, line by line) and is an event then.
export function asPython(bytes) {
  const events = [];
  let gathered = '';
  let depth = 0;
  for (const line of bytes.toString('utf8').split(/\r\n|\n|\r/)) {
    if (line === '') continue;
    if (line.startsWith('data: ')) {
      events.push(JSON.parse(line.slice(6)));
      continue;
    }
    for (const letter of line) depth += (letter === '{') - (letter === '}');
    gathered += line;
    if (depth !== 0) continue;
    events.push(JSON.parse(gathered));
    gathered = '';
  }
  for (const event of events) if (event.error) throw new Error(`APIError ${event.error.code}`);
  return events;
}

// Go (google.golang.org/genai): by blocks that end with two line ends of one kind. Up to the first colon stands the
// field; any other than `data` is an invalid chunk; the rest is one JSON value.
export function asGo(bytes) {
  const events = [];
  let rest = bytes.toString('utf8');
  while (rest !== '') {
    const end = ['\n\n', '\r\n\r\n', '\r\r'].map((mark) => ({ mark, at: rest.indexOf(mark) })).find(({ at }) => at >= 0);
    const block = end ? rest.slice(0, end.at) : rest;
    rest = end ? rest.slice(end.at + end.mark.length) : '';
    if (block === '') continue;
    const colon = block.indexOf(':');
    if (colon < 0 || block.slice(0, colon) !== 'data') throw new Error(`invalid stream chunk: ${block.slice(0, 40)}`);
    const event = JSON.parse(block.slice(colon + 1));
    if (event.error) throw new Error(`APIError ${event.error.code}`);
    events.push(event);
  }
  return events;
}

// The web (Firebase, @google/generative-ai): the text read so far has to begin with `data: `, an event up to two line
// ends, or nothing is taken from it any more and the end of the stream is an error.
export function asWeb(bytes) {
  const events = [];
  let text = bytes.toString('utf8');
  for (let match; (match = /^data: (.*)(?:\n\n|\r\r|\r\n\r\n)/.exec(text)) !== null; text = text.slice(match[0].length)) events.push(JSON.parse(match[1]));
  if (text.trim() !== '') throw new Error(`failed to parse stream: ${text.slice(0, 40)}`);
  return events;
}
