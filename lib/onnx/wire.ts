import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

// Messages of protobuf as lists of fields (https://protobuf.dev/programming-guides/encoding/). Nothing is decoded that is
// not asked for, so that fields which nobody here knows are written as they were read.

/** A field of a message, in the order of the file. */
export interface Field {
  number: number;
  type: WireType;
  /** What stands after its tag, or after its length where it has one; fields where it is a message that was opened. */
  content: Uint8Array | Message;
}

export type Message = readonly Field[];

/**
 * The fields of a message.
 *
 * @throws Error for bytes that are no message
 */
export const fieldsOf = (bytes: Uint8Array): Field[] => {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    // A group would need its tags; ONNX has none.
    if (type === WireType.StartGroup || type === WireType.EndGroup) throw new Error(`field ${number} is a group`);
    const content = type === WireType.LengthDelimited ? reader.bytes() : reader.skip(type, number);
    fields.push({ number, type, content });
  }
  return fields;
};

/** The fields of a field that is a message. */
export const opened = ({ content }: Field): Message => (content instanceof Uint8Array ? fieldsOf(content) : content);

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** The bytes of a message in pieces, which are those of the file where they can be: weights are not copied. */
const piecesOf = (message: Message): Uint8Array[] => {
  const pieces: Uint8Array[] = [];
  for (const { number, type, content } of message) {
    const inner = content instanceof Uint8Array ? [content] : piecesOf(content);
    const head = new BinaryWriter().tag(number, type);
    if (type === WireType.LengthDelimited) head.uint32(lengthOf(inner));
    pieces.push(head.finish());
    for (const piece of inner) pieces.push(piece);
  }
  return pieces;
};

/** The bytes of a message. */
export const bytesOf = (message: Message): Uint8Array => Buffer.concat(piecesOf(message));

/** The fields of a number. */
export const fieldsNumbered = (message: Message, number: number): Field[] =>
  message.filter((field) => field.number === number);

const rawOf = ({ content }: Field): Uint8Array => (content instanceof Uint8Array ? content : bytesOf(content));

const integersOf = (field: Field): number[] => {
  const reader = new BinaryReader(rawOf(field));
  const values: number[] = [];
  // A lone value, or many packed.
  while (reader.pos < reader.len) values.push(Number(reader.int64()));
  return values;
};

/** The integers of a repeated field, packed or not. */
export const integersAt = (message: Message, number: number): number[] =>
  fieldsNumbered(message, number).flatMap(integersOf);

/** The integer of a field, the last one if there are several, as protobuf asks. */
export const integerAt = (message: Message, number: number): number | undefined => integersAt(message, number).at(-1);

/** The bytes of a field. */
export const bytesAt = (message: Message, number: number): Uint8Array | undefined => {
  const field = fieldsNumbered(message, number).at(-1);
  return field && rawOf(field);
};

/** The texts of a repeated field. */
export const textsAt = (message: Message, number: number): string[] =>
  fieldsNumbered(message, number).map((field) => Buffer.from(rawOf(field)).toString());

/** The text of a field. */
export const textAt = (message: Message, number: number): string | undefined => textsAt(message, number).at(-1);

export const textField = (number: number, text: string): Field => bytesField(number, Buffer.from(text));

export const bytesField = (number: number, content: Uint8Array): Field => ({
  number,
  type: WireType.LengthDelimited,
  content,
});

export const messageField = (number: number, content: Message): Field => ({
  number,
  type: WireType.LengthDelimited,
  content,
});

export const integerField = (number: number, value: number): Field => ({
  number,
  type: WireType.Varint,
  content: new BinaryWriter().int64(value).finish(),
});
