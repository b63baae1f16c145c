const { Model, noise, zest } = require('node-zest');
const work = require('./work.cjs');

work({ Model, noise, zest }).then((result) => console.log(JSON.stringify(result)));
