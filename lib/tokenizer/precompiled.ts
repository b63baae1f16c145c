const END_OF_TEXT = 0;

const LONGEST_WHOLE_GRAPHEME = 6; // bytes

/**
 * Reads the map of characters of a SentencePiece model, as tokenizer.json holds it in base64, and makes the function
 * that normalizes by it: the length of a double-array trie in bytes, the trie, and the texts that it leads to, each
 * ended by a NUL. Graphemes below six bytes are looked up whole first, and then each of their characters; of several
 * prefixes that the map has, the shortest counts, as in Hugging Face's tokenizers.
 */
export const precompiledNormalizer = (base64: string): ((text: string) => string) => {
  const bytes = Buffer.from(base64, 'base64');
  const units = bytes.readUInt32LE(0) / 4;
  if (!Number.isInteger(units) || units < 1 || 4 + 4 * units > bytes.length)
    throw new Error(`precompiled_charsmap has ${bytes.length} bytes, which do not hold its trie of ${4 * units}`);
  const trie = Uint32Array.from({ length: units }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const texts = bytes.subarray(4 + 4 * units);

  // A unit: bits 0 to 7 the label, 8 whether it has a value, 10 to 30 the offset to its children, times 256 where bit 9
  // is set. A unit with bit 31 is a value.
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
  const shortestMatch = (key: Uint8Array): number | undefined => {
    let at = offset(trie[0]!);
    for (const byte of key) {
      if (byte === END_OF_TEXT) return undefined;
      at ^= byte;
      const unit = trie[at] ?? 0;
      if ((unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if (unit & 0x100) return trie[at]! & 0x7fffffff;
    }
    return undefined;
  };
  const lookUp = (text: string): string | undefined => {
    const start = shortestMatch(Buffer.from(text));
    return start === undefined ? undefined : texts.toString('utf8', start, texts.indexOf(END_OF_TEXT, start));
  };

  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
  const known = new Map<string, string | undefined>();
  const replacement = (text: string): string | undefined => {
    if (!known.has(text)) known.set(text, lookUp(text));
    return known.get(text);
  };
  return (text) =>
    Array.from(graphemes.segment(text), ({ segment }) => {
      const whole = Buffer.byteLength(segment) < LONGEST_WHOLE_GRAPHEME ? replacement(segment) : undefined;
      return whole ?? Array.from(segment, (character) => replacement(character) ?? character).join('');
    }).join('');
};
