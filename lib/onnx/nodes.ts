import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  type ElementType,
  ENTRY,
  elementName,
  elementNumber,
  NODE,
  SHAPE,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './proto.ts';
import {
  type Field,
  fieldsNumbered,
  integerAt,
  integerField,
  integersAt,
  type Message,
  messageField,
  opened,
  textAt,
  textField,
  textsAt,
} from './wire.ts';

// Nodes and values of a graph: what they say, and new ones.

export const operatorOf = (node: Message): string => textAt(node, NODE.operator) ?? '';
export const inputsOf = (node: Message): string[] => textsAt(node, NODE.input);
export const outputsOf = (node: Message): string[] => textsAt(node, NODE.output);

const attribute = (node: Message, name: string): Message | undefined =>
  fieldsNumbered(node, NODE.attribute)
    .map(opened)
    .find((each) => textAt(each, ATTRIBUTE.name) === name);

/** An attribute that is an integer. */
export const integerAttribute = (node: Message, name: string): number | undefined => {
  const found = attribute(node, name);
  return found && (integerAt(found, ATTRIBUTE.integer) ?? 0);
};

/** An attribute that is a list of integers. */
export const integersAttribute = (node: Message, name: string): number[] | undefined => {
  const found = attribute(node, name);
  return found && integersAt(found, ATTRIBUTE.integers);
};

/** A text that the tool which made the node has left with it. */
export const metadataOf = (node: Message, key: string): string | undefined => {
  const entry = fieldsNumbered(node, NODE.metadata)
    .map(opened)
    .find((each) => textAt(each, ENTRY.key) === key);
  return entry && textAt(entry, ENTRY.value);
};

/** The node with its first output under another name. */
export const withOutput = (node: Message, name: string): Message => {
  const first = node.findIndex(({ number }) => number === NODE.output);
  return node.with(first, textField(NODE.output, name));
};

/** A node of ONNX's own operators. Its name, by default that of its output, must be no other node's. */
export const newNode = (
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
  name = output,
): Message => [
  ...inputs.map((input) => textField(NODE.input, input)),
  textField(NODE.output, output),
  textField(NODE.name, name),
  textField(NODE.operator, operator),
  ...Object.entries(attributes).map(([key, value]) =>
    messageField(NODE.attribute, [textField(ATTRIBUTE.name, key), ...attributeValue(value)]),
  ),
];

const attributeValue = (value: number | readonly number[]): Field[] =>
  typeof value === 'number'
    ? [integerField(ATTRIBUTE.integer, value), integerField(ATTRIBUTE.type, ATTRIBUTE_TYPE.integer)]
    : [
        ...value.map((each) => integerField(ATTRIBUTE.integers, each)),
        integerField(ATTRIBUTE.type, ATTRIBUTE_TYPE.integers),
      ];

/** A node that makes elements of another type of a value. */
export const castNode = (input: string, output: string, type: ElementType): Message =>
  newNode('Cast', [input], output, { to: elementNumber(type) });

/** An input of a graph; a size that is a name is any. */
export const newInput = (name: string, shape: readonly (number | string)[], type: ElementType = 'float32'): Message => [
  textField(VALUE_INFO.name, name),
  messageField(VALUE_INFO.type, [
    messageField(TYPE.tensor, [
      integerField(TENSOR_TYPE.element, elementNumber(type)),
      messageField(
        TENSOR_TYPE.shape,
        shape.map((size) =>
          messageField(SHAPE.dimension, [
            typeof size === 'number' ? integerField(DIMENSION.value, size) : textField(DIMENSION.parameter, size),
          ]),
        ),
      ),
    ]),
  ]),
];

/** An input or output of a graph. */
export interface ValueInfo {
  name: string;
  /** Type of its elements, `undefined` if it is no tensor. */
  type: string;
  /** Its sizes, undefined where they are any; empty too if nothing is said. */
  sizes: (number | undefined)[];
}

/** What a graph says of an input or output. */
export const valueInfo = (value: Message): ValueInfo => {
  const inside = (message: Message, number: number): Message => fieldsNumbered(message, number).flatMap(opened);
  const tensor = inside(inside(value, VALUE_INFO.type), TYPE.tensor);
  const dimensions = fieldsNumbered(inside(tensor, TENSOR_TYPE.shape), SHAPE.dimension).map(opened);
  return {
    name: textAt(value, VALUE_INFO.name) ?? '',
    type: elementName(integerAt(tensor, TENSOR_TYPE.element) ?? 0),
    // Some exporters say any size as -1.
    sizes: dimensions
      .map((each) => integerAt(each, DIMENSION.value))
      .map((size) => (size && size > 0 ? size : undefined)),
  };
};
