// What the package brings: its manifest, its files, and the built-in model, found by name.
const { readdirSync, readFileSync } = require('node:fs');
const { dirname } = require('node:path');

const file = require.resolve('node-zest/package.json');
const model = require.resolve('node-zest/models/film-roberta-mini/config.json');
const manifest = JSON.parse(readFileSync(file, 'utf8'));
const { model_type: family } = JSON.parse(readFileSync(model, 'utf8'));
console.log(JSON.stringify({ manifest, files: readdirSync(dirname(file)), family }));
