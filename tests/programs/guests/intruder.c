// Tries everything that user code can to see or change memory that is not its own: it maps, reads, writes and
// jumps everywhere, and executes every instruction that could reach the machine below. What it prints is what
// any i386 Linux lets it see. Afterwards a computation shows that the machine still works.
//
//   intruder [STRIDE [SEED]]    STRIDE: bytes between the addresses tried (default 64 MiB / 3)
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "probe.h"

extern char __executable_start, end;

enum { kMaxMappings = 256 };
static struct { uint32_t start, end; } mappings[kMaxMappings];
static int mapping_count;

// What is mapped already, so that the sweep leaves the program itself alone.
static void read_mappings(void) {
  enum { kStackGrowth = 16 << 20 };  // an access below the stack may be its growth
  char text[16384];
  const int fd = open("/proc/self/maps", O_RDONLY);
  size_t size = 0;
  for (ssize_t got; fd >= 0 && size < sizeof text - 1 && (got = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)got;
  close(fd);
  text[size] = 0;
  mapping_count = 0;
  for (char *line = text; *line != 0 && mapping_count < kMaxMappings;) {
    char *after;
    mappings[mapping_count].start = (uint32_t)strtoul(line, &after, 16);
    mappings[mapping_count].end = (uint32_t)strtoul(after + 1, &after, 16);
    const uint32_t here = (uint32_t)text;
    if (here >= mappings[mapping_count].start && here < mappings[mapping_count].end) mappings[mapping_count].start -= kStackGrowth;
    ++mapping_count;
    line = strchr(after, '\n');
    line = line != NULL ? line + 1 : after + strlen(after);
  }
}

static int is_mapped(uint32_t at) {
  for (int i = 0; i < mapping_count; ++i)
    if (at >= mappings[i].start && at < mappings[i].end) return 1;
  return 0;
}

static unsigned tried, faulted, wrong;

// Every way to touch one address that is not mapped; each must fault there and nowhere else.
static void touch(uint32_t at) {
  static const struct { const char *code; unsigned size, error; } ways[] = {
      {"\x8a\x03", 2, 4}, {"\x8b\x03", 2, 4}, {"\x88\x03", 2, 6}, {"\x89\x03", 2, 6}, {"\xf0\x01\x03", 3, 6},
      {"\xdd\x03", 2, 4}, {"\xf3\xa4", 2, 4},
  };
  const struct registers in = {.ebx = at, .eax = 0x41414141, .ecx = 4, .esi = at, .edi = kData};
  const unsigned way = tried % (sizeof ways / sizeof *ways);
  const struct outcome touched = probe(0, ways[way].code, ways[way].size, &in);
  const struct outcome jumped = probe_jump(at, &in);
  tried += 1;
  faulted += touched.signal == 11 && jumped.signal == 11;
  // An access that straddles into a mapping's start still faults at its first byte.
  wrong += touched.signal != 11 || touched.trap != 14 || touched.address != at || (touched.error & 7) != ways[way].error;
  wrong += jumped.signal != 11 || jumped.address != at || jumped.at.eip != at;
}

static void sweep(uint32_t stride, uint32_t seed) {
  for (uint64_t at = 0; at < 0x100000000; at += stride) {
    const uint32_t address = (uint32_t)at + next_random(&seed) % 4096;
    if (!is_mapped(address) && !is_mapped(address + 16)) touch(address);
  }
  // Where a machine might keep what it hides: physical-looking addresses, device windows, tops of ranges.
  static const uint32_t suspicious[] = {
      0x00000000, 0x00000400, 0x000a0000, 0x000c0000, 0x000f0000, 0x000ffff0, 0x00100000, 0x10000000, 0x1ffff000, 0x3fffffff,
      0x6ffffff0, 0x70000000, 0x70000fff, 0x70001000, 0x70010000, 0x70100000, 0x71000000, 0x72345678, 0x74000000, 0x77fffff0,
      0x78000000, 0x7ffff000, 0x7ffffff0, 0x80000000, 0xb0000000, 0xbffffff0, 0xc0000000, 0xc0100000, 0xe0000000, 0xf0000000,
      0xfec00000, 0xfee00000, 0xfee00020, 0xfff00000, 0xfffe0000, 0xfffff000, 0xfffffff0, 0xfffffffc};
  for (unsigned i = 0; i < sizeof suspicious / sizeof *suspicious; ++i)
    if (!is_mapped(suspicious[i])) touch(suspicious[i]);
}

// Memory that the program is given, wherever it asks for it, is empty and its own.
static void map_everywhere(uint32_t stride) {
  unsigned mapped = 0, dirty = 0, lost = 0;
  for (uint64_t at = 0x10000; at < 0xf7000000; at += stride) {
    const uint32_t address = (uint32_t)at & ~0xfffu;
    if (is_mapped(address) || is_mapped(address + 0xfff)) continue;
    volatile uint32_t *page = mmap((void *)address, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if ((uint32_t)page != address) continue;
    ++mapped;
    for (int i = 0; i < 1024; i += 73) dirty += page[i] != 0;
    page[5] = address;
    page[1023] = ~address;
    *(volatile uint8_t *)((uint8_t *)page + 64) = 0xc3;
    ((void (*)(void))((uint8_t *)page + 64))();
    lost += page[5] != address || page[1023] != ~address;
    munmap((void *)page, 0x1000);
  }
  check("a page wherever it was asked for", mapped > 0);
  check("every page was empty", dirty == 0);
  check("every page kept its contents", lost == 0);
  // Below the lowest address and above the highest none is given.
  const uint32_t forbidden[] = {0xffffe000, 0xfffff000};
  unsigned refused = 0;
  for (int i = 0; i < 2; ++i)
    refused += mmap((void *)forbidden[i], 0x1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED;
  check("none at the very top", refused == 2);
  check("none that is larger than everything", mmap(NULL, 0xfffff000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  check("none that wraps around", mmap((void *)0xf0000000, 0x20000000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
}

// Files and calls that lead to memory other than by an address of one's own.
static void by_files(void) {
  static const char *const names[] = {"/dev/kmem", "/dev/port", "/proc/kmem", "/dev/concealed", "/proc/self/concealed"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; ++i) check(names[i], open(names[i], O_RDWR) < 0);
  // A system call must not reach for the program where the program itself cannot.
  static const uint32_t addresses[] = {0x10, 0x28000000, 0x70000000, 0x74001000, 0xc0000000, 0xfffff000};
  const int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY), file = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unsigned refused = 0, expected = 0;
  for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; ++i) {
    if (is_mapped(addresses[i])) continue;
    void *at = (void *)addresses[i];
    struct iovec part = {at, 16};
    expected += 6;
    refused += read(zero, at, 16) == -1 && errno == EFAULT;
    refused += write(file, at, 16) == -1 && errno == EFAULT;
    refused += readv(zero, &part, 1) == -1 && errno == EFAULT;
    refused += syscall(SYS_uname, at) == -1 && errno == EFAULT;
    refused += syscall(SYS_gettimeofday, at, NULL) == -1 && errno == EFAULT;
    refused += syscall(SYS_rt_sigaction, 10, at, NULL, 8) == -1 && errno == EFAULT;
  }
  check("calls refuse addresses", refused == expected);
  unlink("scratch");
  (void)null;
}

// Instructions that reach for the machine, each with operands that would name what is hidden.
static void by_instructions(void) {
  static const struct { const char *code; unsigned size; } attempts[] = {
      {"\x0f\x22\xd8", 3}, {"\x0f\x20\xd8", 3}, {"\x0f\x22\xc0", 3}, {"\x0f\x20\xc0", 3}, {"\x0f\x22\xe0", 3}, {"\x0f\x23\xf8", 3},
      {"\x0f\x01\x13", 3}, {"\x0f\x01\x1b", 3}, {"\x0f\x01\xf0", 3}, {"\x0f\x01\x3b", 3}, {"\x0f\x00\xd0", 3}, {"\x0f\x00\xd8", 3},
      {"\x0f\x30", 2}, {"\x0f\x32", 2}, {"\x0f\x08", 2}, {"\x0f\x09", 2}, {"\x0f\x06", 2}, {"\xf4", 1}, {"\xfa", 1}, {"\xfb", 1},
      {"\xec", 1}, {"\xed", 1}, {"\xee", 1}, {"\xef", 1}, {"\x6c", 1}, {"\x6d", 1}, {"\x6e", 1}, {"\x6f", 1}, {"\xe4\x60", 2}, {"\xe7\x80", 2},
      {"\xb8\x08\x00\x00\x00\x8e\xd8", 7}, {"\xb8\x10\x00\x00\x00\x8e\xd0", 7}, {"\xb8\x18\x00\x00\x00\x8e\xc0", 7},
      {"\xea\x00\x00\x00\x70\x08\x00", 7}, {"\x9a\x00\x00\x00\x70\x10\x00", 7}, {"\xea\x00\x00\x00\x70\x18\x00", 7},
      {"\x68\x08\x00\x00\x00\x68\x00\x00\x00\x70\xcb", 11}, {"\x9c\x6a\x08\x68\x00\x00\x00\x70\xcf", 9},
      {"\xc5\x03", 2}, {"\xc4\x03", 2}, {"\x0f\xb2\x03", 3}, {"\x0f\xb4\x03", 3},
      {"\xcd\x08", 2}, {"\xcd\x0e", 2}, {"\xcd\x10", 2}, {"\xcd\x2e", 2}, {"\xcd\x82", 2}, {"\xcd\xfe", 2},
      {"\x0f\xaa", 2}, {"\x0f\x0a", 2}, {"\x0f\x24\xc0", 3}, {"\x0f\x26\xc0", 3}, {"\x0f\x37", 2}, {"\x0f\x04", 2}, {"\x0f\x3f\x01\x00", 4},
  };
  // A far pointer to where the hidden memory might be, with a selector of the kernel's.
  *(uint32_t *)kData = 0x70000000;
  *(uint16_t *)(kData + 4) = 0x10;
  uint64_t hash = FOLD_START;
  unsigned survived = 0;
  for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; ++i) {
    const struct registers in = {.eax = 0x70000000, .ecx = 0x70000010, .edx = 0x80, .ebx = kData, .esi = kData, .edi = kData + 64};
    const struct outcome result = probe(0, attempts[i].code, attempts[i].size, &in);
    survived += result.signal == 0;
    // AMD and Intel processors differ about 0F 24 and 0F 26, but both refuse them.
    const uint32_t seen[] = {result.signal == SIGILL || result.signal == SIGSEGV, result.at.eax, result.at.ecx, result.at.ebx, result.at.esp};
    hash = fold(hash, seen, sizeof seen);
  }
  printf("survived %u of %zu, %016llx\n", survived, sizeof attempts / sizeof *attempts, (unsigned long long)hash);
}

static uint32_t compute(void) {
  uint32_t state = 1, sum = 0;
  double x = 1;
  static uint32_t table[512];
  memset(table, 0, sizeof table);
  for (int i = 0; i < 3000; ++i) {
    const uint32_t r = next_random(&state);
    table[r % 512] += r / (unsigned)(i + 1);
    sum = (sum << 5 | sum >> 27) ^ table[(r >> 10) % 512];
    x = x * 1.0000001 + 1e-9;
  }
  return sum ^ (uint32_t)(x * 1e9);
}

int main(int argc, char **argv) {
  const uint32_t stride = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0x4000000 / 3;
  const uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 1;
  if (stride == 0 || seed == 0) return 2;
  probe_start();
  const uint32_t before = compute();
  read_mappings();
  check("own mappings are known", is_mapped((uint32_t)main) && is_mapped(kCode) && is_mapped((uint32_t)&before));
  sweep(stride, seed);
  check("every wild access and jump faulted", faulted == tried && tried > 20);
  check("with the right address, error code and EIP", wrong == 0);
  map_everywhere(stride);
  by_files();
  by_instructions();
  // The program's own image is as it was, and so is the machine.
  check("image is intact", memcmp(&__executable_start, "\x7f""ELF", 4) == 0);
  printf("%08x %s\n", before, compute() == before ? "twice" : "CHANGED");
  return 0;
}
