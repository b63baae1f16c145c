const afterSpaces = (json: string, from: number): number => {
  let at = from;
  while (' \t\r\n'.includes(json.charAt(at)) && at < json.length) at++;
  return at;
};

/** A key that stands twice in one object of a valid JSON text, which JSON.parse lets pass; undefined if there is none. */
export const duplicateKey = (json: string): string | undefined => {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    if (character === '}') open.pop();
    if (character !== '"') continue;
    const start = at++;
    while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
    if (json[afterSpaces(json, at + 1)] !== ':') continue;
    const key: string = JSON.parse(json.slice(start, at + 1));
    const keys = open.at(-1);
    if (keys?.has(key)) return key;
    keys?.add(key);
  }
  return undefined;
};
