// Instructions that compilers rarely use, by themselves: flags, BCD, stack frames, 16-bit forms, segments, atomics.
#include <asm/ldt.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

static void run(const char *name, const char *code, unsigned size, uint32_t flags, struct registers in) {
  const struct outcome result = probe(0, code, size, &in);
  probe_show(name, &result, flags);
}
#define RUN(flags, name, text, ...) run(name, text, sizeof(text) - 1, flags, (struct registers){__VA_ARGS__})

static void flags(void) {
  RUN(0x8d5, "add overflow", "\x01\xd8", .eax = 0x7fffffff, .ebx = 1);
  RUN(0x8d5, "adc chain", "\x01\xd8\x11\xca\x15\xff\xff\xff\xff", .eax = 0xffffffff, .ebx = 1, .ecx = 0x7fffffff, .edx = 0);
  RUN(0x8d5, "sbb", "\xf9\x19\xd8", .eax = 5, .ebx = 5);
  RUN(0x8d5, "neg 0x80", "\xf6\xd8", .eax = 0x80);
  RUN(0x8d5, "inc keeps carry", "\xf9\x40", .eax = 0xffffffff);
  RUN(0x8d5, "dec keeps carry", "\xf9\x48", .eax = 0x80000000);
  RUN(0x8c5, "and", "\x21\xd8", .eax = 0xff00ff00, .ebx = 0x80000001, .eflags = 0x801);
  RUN(0x001, "shl 1", "\xd1\xe0", .eax = 0xc0000000);
  RUN(0x801, "rol 1", "\xd1\xc0", .eax = 0xc0000001);
  RUN(0x001, "rcr 5", "\xf9\xc1\xd8\x05", .eax = 0x12345678);
  RUN(0x001, "rcl 16-bit 20", "\xf9\x66\xc1\xd0\x14", .eax = 0x1234abcd);
  RUN(0x8d5, "shift by 0 keeps flags", "\xf9\xd3\xe8", .eax = 5, .ecx = 32, .eflags = 0x8d5);
  RUN(0x0c5, "shld", "\x0f\xa4\xd8\x07", .eax = 0x12345678, .ebx = 0x9abcdef0);
  RUN(0x0c5, "shrd cl", "\x0f\xad\xd8", .eax = 0x12345678, .ebx = 0x9abcdef0, .ecx = 13);
  RUN(0x801, "mul", "\xf7\xe3", .eax = 0x12345678, .ebx = 0x9abcdef0);
  RUN(0x801, "imul three", "\x6b\xc3\x9c", .ebx = 0x7fffff);
  RUN(0x001, "bt memory, far bit", "\x0f\xa3\x03", .ebx = kData + 0x1000, .eax = (uint32_t)-77);
  RUN(0x001, "btc memory, far bit", "\x0f\xbb\x03", .ebx = kData + 0x1000, .eax = 12345);
  printf("byte there %02x\n", *(uint8_t *)(kData + 0x1000 + 12345 / 8));
  RUN(0x040, "bsf 0", "\x0f\xbc\xc3", .ebx = 0, .eax = 7);
  RUN(0x040, "bsr", "\x0f\xbd\xc3", .ebx = 0x00401000);
  RUN(0x0d5, "lahf", "\x9f", .eflags = 0x8d5);
  RUN(0x8d5, "sahf", "\x9e", .eax = 0x0000ff00, .eflags = 0x800);
  RUN(0x8d5, "cmc", "\xf5", .eflags = 0x8d5);
  RUN(0x8d5, "pushf image", "\x9c\x58\x25\xd5\x0c\x00\x00", .eflags = 0xcd5);
  RUN(0x8d5, "popf sets", "\x68\xd5\x08\x00\x00\x9d");
  RUN(0x8d5, "popf cannot set IF off", "\x6a\x02\x9d\x9c\x58\x25\x00\x02\x00\x00");
  RUN(0x8d5, "ID flag toggles", "\x9c\x58\x89\xc1\x35\x00\x00\x20\x00\x50\x9d\x9c\x58\x31\xc8\x25\x00\x00\x20\x00\xb9\x00\x00\x00\x00");
  RUN(0x0d5, "daa", "\x00\xd8\x27", .eax = 0x79, .ebx = 0x35);
  RUN(0x0d5, "das", "\x28\xd8\x2f", .eax = 0x35, .ebx = 0x47);
  RUN(0x011, "aaa", "\x37", .eax = 0x01fa);
  RUN(0x011, "aas", "\x3f", .eax = 0x02ff);
  RUN(0x0c4, "aam", "\xd4\x0a", .eax = 79);
  RUN(0x0c4, "aad", "\xd5\x0a", .eax = 0x0709);
  RUN(0x0c4, "aam 7", "\xd4\x07", .eax = 79);
  RUN(0x001, "salc", "\xf9\xd6", .eax = 0x12);
  RUN(0, "cwde cdq", "\x98\x99", .eax = 0x8123);
  RUN(0, "bswap xchg", "\x0f\xc8\x93\x86\xe3", .eax = 0x01020304, .ebx = 0xa0b0c0d0);
  RUN(0, "movzx movsx", "\x0f\xb6\xcc\x0f\xbf\xd0\x0f\xbe\xd8", .eax = 0x8765f3c1);
  RUN(0, "setcc", "\x39\xd8\x0f\x9c\xc1\x0f\x97\xc2\x0f\x9e\xc6", .eax = 0x80000000, .ebx = 1);
  RUN(0, "cmov", "\x39\xd8\x0f\x4c\xc8\x0f\x47\xd0", .eax = 0x80000000, .ebx = 1);
}

static void stack(void) {
  RUN(0, "enter 8,0", "\xc8\x08\x00\x00", .ebp = kStackTop + 0x20);
  *(uint32_t *)(kStackTop + 0x1c) = 0x11111111;
  *(uint32_t *)(kStackTop + 0x18) = 0x22222222;
  RUN(0, "enter 16,1", "\xc8\x10\x00\x01", .ebp = kStackTop + 0x20);
  RUN(0, "enter 4,3 and pops", "\xc8\x04\x00\x03\x58\x59\x5a\x5b", .ebp = kStackTop + 0x20);
  RUN(0, "enter 32,31", "\xc8\x20\x00\x1f", .ebp = kStackTop + 0x20);
  RUN(0, "leave", "\xc9", .ebp = kStackTop - 0x40);
  RUN(0, "16-bit enter, leave", "\x66\xc8\x06\x00\x01\x66\xc9", .ebp = kStackTop);
  RUN(0, "pusha popa", "\x60\x31\xc0\x31\xc9\x61\x40", .eax = 1, .ecx = 2, .edx = 3, .ebx = 4, .ebp = 5, .esi = 6, .edi = 7);
  RUN(0, "pushaw popaw", "\x66\x60\x31\xc0\x66\x61", .eax = 0x10001, .ecx = 2, .edx = 3, .ebx = 4, .ebp = 5, .esi = 6, .edi = 7);
  RUN(0, "push esp, pop esp", "\x54\x5c\x54\x58");
  RUN(0, "pop into [esp]", "\x6a\x11\x6a\x22\x8f\x04\x24\x58", );
  RUN(0, "push [esp+4]", "\x6a\x11\x6a\x22\xff\x74\x24\x04\x58\x59\x5a", );
  RUN(0, "push imm8 sign", "\x6a\xfe\x58\x66\x6a\xfd\x66\x59", );
  RUN(0, "push word", "\x66\x50\x66\x5b", .eax = 0xabcd1234);
  RUN(0, "push cs ds ss", "\x0e\x1e\x16\x58\x59\x5a", );
  RUN(0, "call ret 4", "\x6a\x07\xe8\x02\x00\x00\x00\xeb\x04\x58\xff\xe0\x90", .eax = 1);
  RUN(0, "jecxz loop loopne", "\xb9\x05\x00\x00\x00\x40\xe2\xfd\xe3\x01\x40\xb9\x03\x00\x00\x00\x43\x39\xc0\xe0\xfb", );
  RUN(0, "retf to itself", "\x0e\xe8\x00\x00\x00\x00\x83\x04\x24\x05\xcb\x40", );
  RUN(0xdd5, "iret to itself", "\x9c\x0e\xe8\x00\x00\x00\x00\x83\x04\x24\x05\xcf\x40", .eflags = 0x8d5);
  RUN(0, "far call, far return", "\x9a\x0a\x00\x00\x20\x23\x00\x40\xeb\x03\x43\xcb\x90", );
}

static void sixteen(void) {
  RUN(0x8d5, "add ax", "\x66\x05\xff\xff", .eax = 0x12340001);
  RUN(0, "mov ax, [bx+si]", "\x67\x66\x8b\x00", .ebx = 0, .esi = 0, .eax = 9);
  RUN(0, "lea with 16-bit address", "\x67\x8d\x42\x10", .ebp = 0xfff8, .esi = 0x12345678);
  RUN(0, "loopw", "\x40\x67\xe2\xfd", .ecx = 0x50002);
  RUN(0, "jcxz not taken", "\x67\xe3\x01\x40", .ecx = 1);
  RUN(0, "cbw cwd", "\x66\x98\x66\x99", .eax = 0x11118283);
  RUN(0, "imul ax", "\x66\xf7\xeb", .eax = 0x77770123, .ebx = 0x0456, .edx = 0x99990000);
  RUN(0, "movsx r16", "\x66\x0f\xbe\xc3", .eax = 0xffffffff, .ebx = 0x80);
  RUN(0, "xchg ax, cx", "\x66\x91", .eax = 0x1111aaaa, .ecx = 0x2222bbbb);
  RUN(0, "16-bit push imm", "\x66\x68\x34\x12\x66\x58", .eax = 0xffff0000);
  RUN(0, "lodsw si", "\x66\xad", .esi = kData);
  RUN(0, "15-byte instruction", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x05\x34\x12\x90", .eax = 0x10000);
  RUN(0, "16 bytes are too many", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x05\x34\x12", .eax = 0x10000);
}

static void segments(void) {
  // An entry of our own: base kData, limit 0xff bytes.
  struct user_desc entry = {.entry_number = -1u, .base_addr = kData, .limit = 0xff, .seg_32bit = 1, .useable = 1};
  check("set_thread_area", syscall(SYS_set_thread_area, &entry) == 0);
  const uint32_t selector = entry.entry_number << 3 | 3;
  printf("selector %x\n", selector);
  for (int i = 0; i < 64; ++i) ((uint32_t *)kData)[i] = 0x01010101u * (unsigned)i;
  RUN(0, "fs load", "\x8e\xe0\x64\xa1\x10\x00\x00\x00", .eax = selector);
  RUN(0, "fs store, byte", "\x8e\xe0\x64\xc6\x43\x05\x99\x64\x8b\x43\x04", .eax = selector, .ebx = 8);
  RUN(0, "fs at the limit", "\x8e\xe0\x64\x8b\x03", .eax = selector, .ebx = 0xfc);
  RUN(0, "fs across the limit", "\x8e\xe0\x64\x8b\x03", .eax = selector, .ebx = 0xfd);
  RUN(0, "fs movs source", "\x8e\xe0\xfc\x64\xa4", .eax = selector, .esi = 0x21, .edi = kData + 0x300);
  RUN(0, "es destination", "\x06\x8e\xc0\xaa\x07", .eax = selector, .edi = 3);
  RUN(0, "lfs", "\x66\xc7\x43\x04\x2b\x00\x0f\xb4\x0b\x8c\xe0", .ebx = kData + 0x400, .eax = 0);
  RUN(0, "lds", "\xc7\x03\x44\x33\x22\x11\x66\xc7\x43\x04\x2b\x00\xc5\x0b\x8c\xd8", .ebx = kData + 0x400);
  RUN(0, "null fs", "\x31\xc0\x8e\xe0\x64\x8b\x00", .ebx = 1);
  RUN(0, "lar of code", "\x8c\xc8\x0f\x02\xc8\x0f\x94\xc2", .edx = 0);
  RUN(0x040, "verr verw", "\x8c\xd8\x0f\x00\xe0\x0f\x94\xc1\x8c\xc8\x0f\x00\xe8\x0f\x94\xc2", .ecx = 0);
  RUN(0x040, "arpl", "\x63\xd8", .eax = 0x20, .ebx = 0x3);
}

static void atomics(void) {
  volatile uint32_t *const word = (volatile uint32_t *)(kData + 0xffe);  // across a page boundary
  *word = 0x10;
  RUN(0x8d5, "lock add", "\xf0\x01\x03", .eax = 0xfffffff0, .ebx = (uint32_t)word);
  RUN(0x8d5, "lock inc", "\xf0\xff\x03", .ebx = (uint32_t)word);
  RUN(0x8d5, "lock xadd", "\xf0\x0f\xc1\x03", .eax = 41, .ebx = (uint32_t)word);
  RUN(0x8d5, "lock cmpxchg equal", "\xf0\x0f\xb1\x0b", .eax = 42, .ecx = 7, .ebx = (uint32_t)word);
  RUN(0x8d5, "lock cmpxchg different", "\xf0\x0f\xb1\x0b", .eax = 42, .ecx = 9, .ebx = (uint32_t)word);
  RUN(0x8d5, "lock neg not", "\xf0\xf7\x1b\xf0\xf7\x13", .ebx = (uint32_t)word);
  RUN(0, "xchg", "\x87\x03", .eax = 0xcafe, .ebx = (uint32_t)word);
  RUN(0x001, "lock bts", "\xf0\x0f\xba\x2b\x1f", .ebx = (uint32_t)word);
  *(volatile uint64_t *)(kData + 0x1ffc) = 0x1122334455667788;
  RUN(0x040, "cmpxchg8b equal", "\xf0\x0f\xc7\x0f", .eax = 0x55667788, .edx = 0x11223344, .ebx = 1, .ecx = 2, .edi = kData + 0x1ffc);
  RUN(0x040, "cmpxchg8b different", "\xf0\x0f\xc7\x0f", .eax = 5, .edx = 6, .ebx = 7, .ecx = 8, .edi = kData + 0x1ffc);
  printf("%08x %016llx\n", *word, (unsigned long long)*(volatile uint64_t *)(kData + 0x1ffc));
  // Misaligned accesses of every size across lines and pages.
  uint64_t hash = FOLD_START;
  for (uint32_t edge = kData + 0x1000; edge <= kData + 0x2040; edge += 0x1040)
    for (int back = -9; back <= 2; ++back) {
      volatile uint8_t *at = (volatile uint8_t *)(edge + (uint32_t)back);
      *(volatile uint16_t *)at = (uint16_t)(back * 77);
      *(volatile uint32_t *)(at + 1) += 0x01020304;
      *(volatile uint64_t *)(at + 2) ^= 0x1111111111111111ull * (unsigned)(back + 10);
      *(volatile double *)(at + 3) = back + 0.5;
      *(volatile long double *)(at + 5) = back * 0.25L;
      hash = fold(hash, (void *)(edge - 16), 40);
    }
  printf("misaligned %016llx\n", (unsigned long long)hash);
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  probe_start();
  if (strcmp(part, "flags") == 0) flags();
  else if (strcmp(part, "stack") == 0) stack();
  else if (strcmp(part, "sixteen") == 0) sixteen();
  else if (strcmp(part, "segments") == 0) segments();
  else if (strcmp(part, "atomics") == 0) atomics();
  else return 2;
  return 0;
}
