import {
  CST,
  Document,
  isAlias,
  isScalar,
  Lexer,
  LineCounter,
  Parser,
  parseDocument,
  stringify,
  visit,
  YAMLParseError,
  type Node as YamlNode,
} from 'yaml';
import { differences } from '../options/differences.ts';
import { isDeeperThan } from './json.ts';

// What is deeper, longer or has more aliases is nothing that anyone wrote, and would take the library minutes or the
// stack.
const MOST_LEVELS = 64;
const MOST_ALIASES = 100;
const MOST_CHARACTERS = 2 ** 20;

/** What would be too much to read of a text, if anything, and where. It is looked at without recursion. */
const excess = (source: string, lines: LineCounter): YAMLParseError | undefined => {
  const fault = (at: number, what: string) => new YAMLParseError([at, at], 'RESOURCE_EXHAUSTION', what);
  if (source.length > MOST_CHARACTERS)
    return fault(0, `The text has ${source.length} characters; expected at most ${MOST_CHARACTERS}`);
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  let aliases = 0;
  for (const lexeme of new Lexer().lex(source)) {
    for (const _ of parser.next(lexeme));
    // A level of YAML has a collection and perhaps a value of it on the stack.
    if (parser.stack.length > 2 * MOST_LEVELS)
      return fault(parser.offset, `Collections are nested too deeply; expected at most ${MOST_LEVELS} levels`);
    if (CST.tokenType(lexeme) === 'alias' && ++aliases > MOST_ALIASES)
      return fault(parser.offset, `There are too many aliases; expected at most ${MOST_ALIASES}`);
  }
  return undefined;
};

/** The first key of a map that the object made of it has already: the library compares each with each, as values. */
const repeatedKey = (document: Document): YAMLParseError | undefined => {
  let found: YAMLParseError | undefined;
  visit(document, {
    Map(_, { items }) {
      const names = new Set<string>();
      for (const { key } of items) {
        const named = isAlias(key) ? key.resolve(document) : key;
        if (!isScalar(named)) continue;
        const at = (key as YamlNode).range?.[0] ?? 0;
        const name = String(named.value ?? '');
        if (names.has(name)) {
          found = new YAMLParseError([at, at], 'DUPLICATE_KEY', 'Map keys must be unique');
          return visit.BREAK;
        }
        names.add(name);
      }
      return undefined;
    },
  });
  return found;
};

/** Parses YAML 1.2, or JSON, from anyone: what is wrong with it, also that it is too much to read, is in `errors`. */
export const parseYaml = (source: string, lines = new LineCounter()): Document => {
  const fault = excess(source, lines);
  const document = fault ? new Document() : parseDocument(source, { prettyErrors: false, uniqueKeys: false });
  const wrong = fault ?? (document.errors.length === 0 ? repeatedKey(document) : undefined);
  if (wrong) document.errors.push(wrong);
  return document;
};

/** Whether a document holds itself somewhere, or more than anyone wrote. */
const isBoundless = (document: Document): boolean => {
  try {
    return isDeeperThan(document.toJS(), MOST_LEVELS);
  } catch {
    return true;
  }
};

/** Puts a copy in the place of each alias, so that a key may be set in one place and stay as it is in the others. */
export const resolveAliases = (document: Document): void => {
  if (isBoundless(document)) return;
  visit(document, {
    Alias(_, alias) {
      const copy = alias.resolve(document)?.clone() as YamlNode | undefined;
      if (copy) copy.range = alias.range;
      return copy;
    },
  });
  visit(document, {
    Node(_, node) {
      if ('anchor' in node) delete node.anchor;
    },
  });
};

/**
 * Writes a value as YAML that is read back as it was: in JSON, which is YAML, where the library's own does not come back,
 * as lines of white space alone in a text that it folds do not.
 */
export const yamlOf = (value: unknown): string => {
  const text = stringify(value, {
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    aliasDuplicateObjects: false,
  });
  // As a file has it, which holds no half of a character.
  const there = parseYaml(Buffer.from(text).toString());
  const isSame = there.errors.length === 0 && differences(there.toJS(), value).length === 0;
  return isSame ? text : `${JSON.stringify(value, null, 2)}\n`;
};
