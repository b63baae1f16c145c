const held = [];
for (let i = 0; i < 40; i++) held.push(Buffer.alloc(10_000_000, 1));
console.log(held.length);
