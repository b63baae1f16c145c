const { readFileSync } = require('node:fs');
const { Model, noise, zest } = require('node-zest');
const work = require('./work.cjs');

const config = require.resolve('node-zest/models/film-roberta-mini/config.json');
const { model_type: family } = JSON.parse(readFileSync(config, 'utf8'));
const manifest = require('node-zest/package.json');
work({ Model, noise, zest }).then((result) => console.log(JSON.stringify({ result, family, manifest })));
