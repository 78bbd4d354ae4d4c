export const GiB = 1024 ** 3
