import { Model, noise, zest } from 'node-zest';
import work from './work.cjs';

console.log(JSON.stringify(await work({ Model, noise, zest })));
