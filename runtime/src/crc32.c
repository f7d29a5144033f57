// CRC-32 as in zlib (polynomial 0xEDB88320), eight bytes at a time ("slicing by 8").
#include "internal.h"

static uint32_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++)
      crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    tables[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; byte++)
    for (int step = 1; step < 8; step++) {
      uint32_t crc = tables[step - 1][byte];
      tables[step][byte] = (crc >> 8) ^ tables[0][crc & 255];
    }
}

static uint32_t step8(uint32_t crc, const uint8_t *data) {
  uint32_t result = 0;
  for (int i = 0; i < 8; i++) {
    uint32_t byte = i < 4 ? (data[i] ^ (crc >> (8 * i))) & 255 : data[i];
    result ^= tables[7 - i][byte];
  }
  return result;
}

uint32_t cellci_crc32(uint32_t crc, const uint8_t *data, size_t size) {
  pthread_once(&once, make_tables);
  crc = ~crc;
  for (; size >= 8; size -= 8, data += 8)
    crc = step8(crc, data);
  for (; size; size--, data++)
    crc = (crc >> 8) ^ tables[0][(crc ^ *data) & 255];
  return ~crc;
}
