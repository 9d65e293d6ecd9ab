// Page faults: every kind of access to every kind of page, with address, error code and precise registers.
#include <sys/mman.h>

#include "probe.h"

static void access_all(const char *page, uint32_t address) {
  static const struct { const char *name; const char *code; unsigned size; } kinds[] = {
      {"load byte", "\x8a\x03", 2},
      {"load word", "\x66\x8b\x03", 3},
      {"load", "\x8b\x03", 2},
      {"store byte", "\x88\x03", 2},
      {"store", "\x89\x03", 2},
      {"store immediate", "\xc7\x03\x01\x02\x03\x04", 6},
      {"add to memory", "\x01\x03", 2},
      {"add from memory", "\x03\x03", 2},
      {"xchg", "\x87\x03", 2},
      {"lock cmpxchg", "\xf0\x0f\xb1\x0b", 4},
      {"lock cmpxchg8b", "\xf0\x0f\xc7\x0b", 4},
      {"xadd", "\x0f\xc1\x03", 3},
      {"push memory", "\xff\x33", 2},
      {"pop memory", "\x8f\x03", 2},
      {"call memory", "\xff\x13", 2},
      {"jump memory", "\xff\x23", 2},
      {"inc", "\xff\x03", 2},
      {"bts", "\x0f\xab\x03", 3},
      {"shl", "\xc1\x23\x03", 3},
      {"test", "\x85\x03", 2},
      {"cmov", "\x0f\x44\x03", 3},
      {"setcc", "\x0f\x94\x03", 3},
      {"div", "\xf7\x33", 2},
      {"fld m64", "\xdd\x03", 2},
      {"fstp m80", "\xdb\x3b", 2},
      {"fild m16", "\xdf\x03", 2},
      {"lea", "\x8d\x03", 2},
  };
  struct registers in = {.eax = 7, .ecx = 3, .edx = 0, .ebp = 0x1234, .ebx = address, .esi = 5, .edi = 6};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    char name[64];
    strcat(strcat(strcpy(name, page), ", "), kinds[i].name);
    const struct outcome result = probe(0, kinds[i].code, kinds[i].size, &in);
    // The results of accesses that are allowed are for other programs; here the page decides.
    probe_show(name, &result, PROBE_NO_REGISTERS);
    asm volatile("fninit");
  }
}

static void execute(const char *name, uint32_t address) {
  const struct registers in = {.eax = 1};
  const struct outcome result = probe_jump(address, &in);
  probe_show(name, &result, 0);
}

static void accesses(void) {
  access_all("unmapped", 0x28000000);
  access_all("null", 0);
  access_all("read only", kReadOnly + 64);
  access_all("no access", kNone + 64);
  access_all("last page", 0xfffffff0);
  access_all("across the end", kData + kDataSize - 1);
  access_all("across the start", kData - 1);
}

static void execution(void) {
  execute("jump to null", 0);
  execute("jump to unmapped", 0x28000123);
  execute("jump to data", kData);
  execute("jump to read only", kReadOnly + 5);
  execute("jump to no access", kNone);
  execute("jump to the last byte", 0xffffffff);

  // Instructions across the end of the code area: the fault is at the first byte that is missing.
  static const char *const tails[] = {"\x90", "\xb8\x11\x22", "\x0f", "\xf3\xa4", "\x66\x66\x66", "\x81\x05\x01\x02"};
  static const unsigned sizes[] = {1, 3, 1, 2, 3, 4};
  struct registers in = {.ecx = 2, .esi = kData, .edi = kData + 8};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    const struct outcome result = probe(kCode + kCodeSize - sizes[i], tails[i], sizes[i], &in);
    char name[32];
    snprintf(name, sizeof name, "off the end, %u bytes", sizes[i]);
    probe_show(name, &result, 0);
  }
}

static void changes(void) {
  // A store that is half allowed leaves the allowed half as it was.
  mprotect((void *)(kData + 0x1000), 0x1000, PROT_READ);
  volatile uint32_t *edge = (volatile uint32_t *)(kData + 0xffe);
  struct registers in = {.eax = 0xdeadbeef, .ebx = kData + 0xffe};
  struct outcome result = PROBE("\x89\x03", &in);
  probe_show("store across a boundary", &result, 0);
  printf("memory there: %08x\n", *edge);
  mprotect((void *)(kData + 0x1000), 0x1000, PROT_READ | PROT_WRITE);
  result = PROBE("\x89\x03", &in);
  probe_show("and once it is allowed", &result, 0);
  printf("memory there: %08x\n", *edge);

  // A page that disappears while its translation is in use.
  volatile uint32_t *page = (volatile uint32_t *)(kData + 0x2000);
  *page = 0x12345678;
  in = (struct registers){.ebx = kData + 0x2000};
  result = PROBE("\x8b\x03", &in);
  probe_show("before munmap", &result, 0);
  munmap((void *)(kData + 0x2000), 0x1000);
  result = PROBE("\x8b\x03", &in);
  probe_show("after munmap", &result, 0);
}

// Faults of the stack instructions leave ESP alone.
static void stack_faults(void) {
  static const struct { const char *name; const char *code; unsigned size; } stack[] = {
      {"push", "\x50", 1}, {"push immediate", "\x6a\x05", 2}, {"pusha", "\x60", 1}, {"popa", "\x61", 1}, {"pop", "\x58", 1},
      {"pushf", "\x9c", 1}, {"popf", "\x9d", 1}, {"ret", "\xc3", 1}, {"ret 8", "\xc2\x08\x00", 3}, {"leave", "\xc9", 1},
      {"enter 16,0", "\xc8\x10\x00\x00", 4}, {"enter 16,3", "\xc8\x10\x00\x03", 4}, {"call", "\xe8\x00\x00\x00\x00", 5},
  };
  for (unsigned i = 0; i < sizeof stack / sizeof *stack; ++i) {
    struct registers in = {.esp = kNone + 0x100, .ebp = kNone + 0x200, .eax = 1};
    // ESP must be good until the first instruction: mov ebx, esp restores it.
    uint8_t code[16] = {0x89, 0xdc};
    memcpy(code + 2, stack[i].code, stack[i].size);
    in.ebx = in.esp;
    in.esp = 0;
    const struct outcome result = probe(0, code, 2 + stack[i].size, &in);
    probe_show(stack[i].name, &result, 0);
  }
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  probe_start();
  if (strcmp(part, "accesses") == 0) accesses();
  else if (strcmp(part, "execution") == 0) execution();
  else if (strcmp(part, "changes") == 0) changes();
  else if (strcmp(part, "stack") == 0) stack_faults();
  else return 2;
  return 0;
}
