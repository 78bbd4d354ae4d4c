console.error('usage: granary operator | mover')
process.exitCode = 2
