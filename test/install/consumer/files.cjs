const { readdirSync } = require('node:fs');
const { dirname } = require('node:path');

console.log(JSON.stringify({ files: readdirSync(dirname(require.resolve('node-zest/package.json'))) }));
