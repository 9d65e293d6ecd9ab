// String instructions: directions, overlaps, sizes, and faults in the middle with exact ECX, ESI and EDI.
#include <sys/mman.h>

#include "probe.h"

static uint8_t *const data = (uint8_t *)kData;

static void refill(void) {
  for (int i = 0; i < 256; ++i) data[i] = (uint8_t)(i * 7 + 1);
}

static void run(const char *name, const char *code, unsigned size, struct registers in) {
  const struct outcome result = probe(0, code, size, &in);
  probe_show(name, &result, 0xc45);
}
#define RUN(name, text, ...) run(name, text, sizeof(text) - 1, (struct registers){__VA_ARGS__})

static void digest(const char *name) { printf("%s: %016llx\n", name, (unsigned long long)fold(FOLD_START, data, 256)); }

static void results(void) {
  refill();
  RUN("movsb", "\xa4", .esi = kData, .edi = kData + 100);
  RUN("rep movsb", "\xf3\xa4", .ecx = 33, .esi = kData + 3, .edi = kData + 101);
  RUN("rep movsw", "\x66\xf3\xa5", .ecx = 9, .esi = kData + 1, .edi = kData + 150);
  RUN("rep movsd", "\xf3\xa5", .ecx = 8, .esi = kData + 2, .edi = kData + 180);
  digest("moves");
  RUN("overlap forward", "\xf3\xa4", .ecx = 40, .esi = kData, .edi = kData + 1);
  digest("overlap by 1");
  refill();
  RUN("overlap by 3, dwords", "\xf3\xa5", .ecx = 20, .esi = kData, .edi = kData + 3);
  digest("overlap by 3");
  refill();
  RUN("overlap down", "\xf3\xa4", .ecx = 40, .esi = kData + 20, .edi = kData);
  RUN("backward bytes", "\xfd\xf3\xa4\xfc", .ecx = 40, .esi = kData + 100, .edi = kData + 110);
  RUN("backward dwords", "\xfd\xf3\xa5", .ecx = 7, .esi = kData + 200, .edi = kData + 205);
  RUN("backward words", "\xfd\x66\xf3\xa5", .ecx = 5, .esi = kData + 60, .edi = kData + 59);
  digest("backward");
  RUN("count 0", "\xf3\xa4", .ecx = 0, .esi = 0, .edi = 0);
  RUN("rep stosb", "\xf3\xaa", .eax = 0xaabbccdd, .ecx = 21, .edi = kData + 5);
  RUN("rep stosw", "\x66\xf3\xab", .eax = 0xaabbccdd, .ecx = 11, .edi = kData + 31);
  RUN("rep stosd", "\xf3\xab", .eax = 0xaabbccdd, .ecx = 5, .edi = kData + 71);
  RUN("stosd backward", "\xfd\xf3\xab", .eax = 0x01020304, .ecx = 5, .edi = kData + 141);
  digest("stores");
  refill();
  RUN("rep lodsb", "\xf3\xac", .eax = 0xffffffff, .ecx = 5, .esi = kData + 9);
  RUN("lodsw", "\x66\xad", .eax = 0xffffffff, .esi = kData + 9);
  RUN("lodsd", "\xad", .eax = 0xffffffff, .esi = kData + 9);
  RUN("repne scasb", "\xf2\xae", .eax = 0x40, .ecx = 200, .edi = kData);
  RUN("repne scasb, absent", "\xf2\xae", .eax = 0x40, .ecx = 5, .edi = kData);
  RUN("repe scasd", "\xf3\xaf", .eax = 0x01020304, .ecx = 5, .edi = kData);
  RUN("repe cmpsb", "\xf3\xa6", .ecx = 50, .esi = kData, .edi = kData + 128);
  memcpy(data + 128, data, 40);
  RUN("repe cmpsb, 40 equal", "\xf3\xa6", .ecx = 50, .esi = kData, .edi = kData + 128);
  RUN("repe cmpsd, all equal", "\xf3\xa7", .ecx = 10, .esi = kData, .edi = kData + 128);
  RUN("repne cmpsw", "\x66\xf2\xa7", .ecx = 10, .esi = kData + 1, .edi = kData + 128);
  RUN("cmpsb backward", "\xfd\xf3\xa6", .ecx = 10, .esi = kData + 39, .edi = kData + 167);
  RUN("repe cmps, count 0", "\x39\xc0\xf3\xa6", .ecx = 0, .esi = 0, .edi = 0);
  RUN("16-bit count", "\x67\xe3\x02\x40\x40", .ecx = 0x10000);
  RUN("xlat", "\xd7", .eax = 0x11, .ebx = kData);
  RUN("across pages", "\xf3\xa4", .ecx = 0x1800, .esi = kData + 0x7ff, .edi = kData + 0x2001);
  printf("%016llx\n", (unsigned long long)fold(FOLD_START, data + 0x2ff0, 64));
}

static void faults(void) {
  refill();
  const uint32_t end = kData + kDataSize;
  RUN("movsb, destination ends", "\xf3\xa4", .ecx = 40, .esi = kData, .edi = end - 13);
  RUN("movsb, source ends", "\xf3\xa4", .ecx = 40, .esi = end - 11, .edi = kData);
  RUN("movsd, destination ends", "\xf3\xa5", .ecx = 9, .esi = kData, .edi = end - 18);
  RUN("movsd, source ends", "\xf3\xa5", .ecx = 9, .esi = end - 17, .edi = kData);
  RUN("movsw, both end", "\x66\xf3\xa5", .ecx = 9, .esi = end - 7, .edi = end - 5);
  RUN("movsb backward", "\xfd\xf3\xa4", .ecx = 40, .esi = kData + 100, .edi = kData + 7);
  RUN("movsd backward", "\xfd\xf3\xa5", .ecx = 40, .esi = kData + 10, .edi = kData + 100);
  RUN("stosb ends", "\xf3\xaa", .eax = 0x77, .ecx = 100, .edi = end - 50);
  RUN("stosd ends", "\xf3\xab", .eax = 0x77665544, .ecx = 100, .edi = end - 50);
  RUN("stosd into read only", "\xf3\xab", .eax = 5, .ecx = 3, .edi = kReadOnly);
  RUN("lodsd ends", "\xf3\xad", .ecx = 30, .esi = end - 41);
  RUN("repne scasb ends", "\xf2\xae", .eax = 0xee, .ecx = 300, .edi = end - 20);
  RUN("repe cmpsb, source ends", "\xf3\xa6", .ecx = 30, .esi = kReadOnly + 0xffa, .edi = kReadOnly);
  RUN("repe cmpsd, destination ends", "\xf3\xa7", .ecx = 30, .esi = kReadOnly, .edi = kReadOnly + 0xff2);
  RUN("movsd through null", "\xf3\xa5", .ecx = 1, .esi = 0, .edi = kData);
  RUN("large count", "\xf3\xab", .eax = 0, .ecx = 0xffffffff, .edi = end - 400);
  printf("%016llx\n", (unsigned long long)fold(FOLD_START, data + kDataSize - 64, 64));
  // The fault repaired, the instruction goes on where it stopped.
  mprotect(data + 0x1000, 0x1000, PROT_READ);
  struct registers in = {.eax = 0x31, .ecx = 200, .edi = kData + 0x1000 - 100};
  struct outcome result = PROBE("\xf3\xaa", &in);
  probe_show("stopped", &result, 0);
  mprotect(data + 0x1000, 0x1000, PROT_READ | PROT_WRITE);
  result = probe_jump(result.at.eip, &result.at);
  probe_show("continued", &result, 0);
  printf("%016llx\n", (unsigned long long)fold(FOLD_START, data + 0xf80, 256));
}

int main(int argc, char **argv) {
  probe_start();
  if (argc > 1 && strcmp(argv[1], "faults") == 0) faults();
  else results();
  return 0;
}
