// node scripts/check-spills.mjs LOG: fails where the log of a CUDA build (ptxas -v) tells of a kernel that spills
// registers or keeps a stack, or tells of no kernel at all.
import { readFileSync } from 'node:fs';

const [, , path] = process.argv;
const log = readFileSync(path, 'utf8');
const kernels = [
  ...log.matchAll(
    /Function properties for (\S+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/g,
  ),
].map(([, name, ...bytes]) => ({ name, bytes: bytes.map(Number) }));
const bad = kernels.filter(({ bytes }) => bytes.some((n) => n > 0));
for (const { name, bytes } of bad) console.error(`${name}: stack ${bytes[0]}, spills ${bytes[1]} + ${bytes[2]} bytes`);
console.log(`${kernels.length} kernels, ${bad.length} with a stack or spilled registers`);
if (kernels.length === 0 || bad.length > 0) process.exitCode = 1;
