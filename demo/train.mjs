// Nearest centroids: the mean image of each digit, from the first four fifths of its images.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [input, output] = process.argv.slice(2)
const pixels = 784
const centroids = []
for (let digit = 0; digit < 10; digit++) {
  const { data } = JSON.parse(readFileSync(join(input, `${digit}.json`), 'utf8'))
  const images = Math.floor((data.length / pixels) * 0.8)
  const mean = new Array(pixels).fill(0)
  for (let image = 0; image < images; image++)
    for (let i = 0; i < pixels; i++) mean[i] += data[image * pixels + i] / images
  centroids.push(mean.map((value) => Math.round(value * 1e6) / 1e6))
  console.log(`digit ${digit}: ${images} images`)
}
writeFileSync(join(output, 'centroids.json'), JSON.stringify(centroids))
writeFileSync(join(output, 'README.txt'), 'Nearest centroids of handwritten digits: one mean image for each digit.\n')
