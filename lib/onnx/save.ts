import { open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { ZestError } from '../errors.ts';
import { replaceFile, writeAtomic, writing } from '../files/files.ts';
import { isExternal, type Place, placeOf, readPlace, withPlace } from './external.ts';
import { type Graph, modelFields, type OnnxModel, readOnnx } from './model-file.ts';
import type { OnnxTrainable } from './options.ts';
import { prepared, withConstants } from './prepare.ts';
import { TENSOR } from './proto.ts';
import { bytesAt, bytesOf, type Message } from './wire.ts';

/** Values in a file of their own begin at a multiple of a page's size, so that they can be mapped. */
const PAGE_BYTES = 4096;

const cannotWrite = (file: string, why: string): ZestError =>
  new ZestError('ERR_ZEST_FILE', `cannot write ${file}: ${why}`);

/**
 * Writes the values of some tensors one after another.
 *
 * @returns the graph with their places
 */
const writeData = async (
  file: string,
  model: OnnxModel,
  graph: Graph,
  places: ReadonlyMap<string, Place>,
): Promise<Graph> => {
  const initializers = new Map(graph.initializers);
  await writing(
    file,
    replaceFile(file, async (temporary) => {
      const handle = await open(temporary, 'w');
      try {
        let end = 0;
        for (const [name, place] of places) {
          const tensor = initializers.get(name) as Message;
          const bytes = isExternal(tensor)
            ? await readPlace(place, model.file)
            : (bytesAt(tensor, TENSOR.raw) as Uint8Array);
          const offset = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
          for (let written = 0; written < bytes.length; ) {
            const { bytesWritten } = await handle.write(
              bytes,
              written,
              Math.min(bytes.length - written, 2 ** 30),
              offset + written,
            );
            written += bytesWritten;
          }
          initializers.set(name, withPlace(tensor, basename(file), offset, bytes.length));
          end = offset + bytes.length;
        }
      } finally {
        await handle.close();
      }
    }),
  );
  return { ...graph, initializers };
};

/**
 * Writes a model with other values of what is trained.
 *
 * @param source the model's file, and its digest when it was read
 * @throws ERR_ZEST_FILE
 */
export const saveOnnx = async (
  file: string,
  source: Pick<OnnxModel, 'file' | 'digest'>,
  trainable: OnnxTrainable,
  values: ReadonlyMap<string, Float32Array>,
): Promise<void> => {
  if (resolve(file) === resolve(source.file)) {
    throw cannotWrite(file, 'it is the file that the model was made from; expected another');
  }
  const model = await readOnnx(source.file);
  if (model.digest !== source.digest) {
    throw cannotWrite(file, `${source.file}, which the model was made from, has changed since`);
  }
  let graph = withConstants(prepared(model, trainable), values);
  const places = new Map(
    [...model.graph.initializers]
      .filter(([, tensor]) => isExternal(tensor))
      .map(([name, tensor]) => [name, placeOf(tensor, model.file)] as const),
  );
  if (places.size > 0) {
    const data = `${file}.data`;
    if ([...places.values()].some(({ path }) => path === resolve(data))) {
      throw cannotWrite(data, `${source.file} has its weights there; expected another name`);
    }
    graph = await writeData(data, model, graph, places);
  }
  await writeAtomic(file, bytesOf(modelFields(model, graph)));
};
