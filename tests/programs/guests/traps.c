// Exceptions other than page faults: which signal, code, trap number, error code and EIP each gives.
#include <signal.h>

#include "probe.h"

struct item { const char *name; const char *code; unsigned size; };
#define ITEM(name, text) {name, text, sizeof(text) - 1}

static void run_all(const struct item *items, unsigned count, const struct registers *in) {
  for (unsigned i = 0; i < count; ++i) {
    const struct outcome result = probe(0, items[i].code, items[i].size, in);
    probe_show(items[i].name, &result, PROBE_NO_REGISTERS);
    asm volatile("fninit");
  }
}
#define RUN_ALL(items, in) run_all(items, sizeof(items) / sizeof *(items), in)

static void divide(void) {
  static const struct item items[] = {
      ITEM("div by zero, 8", "\xf6\xf3"), ITEM("div by zero, 16", "\x66\xf7\xf3"), ITEM("div by zero, 32", "\xf7\xf3"),
      ITEM("idiv by zero, 8", "\xf6\xfb"), ITEM("idiv by zero, 32", "\xf7\xfb"), ITEM("aam 0", "\xd4\x00"),
  };
  struct registers in = {.eax = 100, .edx = 0};
  RUN_ALL(items, &in);
  in = (struct registers){.eax = 0x80000000, .edx = 0xffffffff, .ebx = 0xffffffff};
  struct outcome result = PROBE("\xf7\xfb", &in);
  probe_show("idiv overflow", &result, 0);
  in = (struct registers){.eax = 5, .edx = 9, .ebx = 9};
  result = PROBE("\xf7\xf3", &in);
  probe_show("div overflow", &result, 0);
  in = (struct registers){.eax = 0x8000, .ebx = 0xff};
  result = PROBE("\xf6\xfb", &in);
  probe_show("idiv overflow, 8", &result, 0);
  in = (struct registers){.eax = 0xffffffff, .edx = 8, .ebx = 9};
  result = PROBE("\xf7\xf3", &in);
  probe_show("div that just fits", &result, 0);
}

static void undefined(void) {
  static const struct item items[] = {
      ITEM("ud2", "\x0f\x0b"), ITEM("ud1", "\x0f\xb9\xc0"), ITEM("0f ff", "\x0f\xff\xc0"), ITEM("0f 0a", "\x0f\x0a"),
      ITEM("lock mov", "\xf0\x89\x03"), ITEM("lock add reg", "\xf0\x01\xc8"), ITEM("lock cmp", "\xf0\x39\x03"),
      ITEM("lea reg", "\x8d\xc0"), ITEM("8f /1", "\x8f\xc8"), ITEM("fe /2", "\xfe\xd0"), ITEM("ff /7", "\xff\xf8"),
      ITEM("c6 /1", "\xc6\xc8\x00"), ITEM("mov cs", "\x8e\xc8"), ITEM("mov sreg 6", "\x8e\xf0"), ITEM("les reg", "\xc4\xc0"),
      ITEM("bound reg", "\x62\xc0"), ITEM("cmpxchg8b reg", "\x0f\xc7\xc8"), ITEM("0f ba /0", "\x0f\xba\xc0\x01"),
      ITEM("sldt lock", "\xf0\x0f\x00\xc0"), ITEM("0f a6", "\x0f\xa6\xc0"), ITEM("jmp far reg", "\xff\xe8"),
      ITEM("call far reg", "\xff\xd8"), ITEM("movnti reg", "\x0f\xc3\xc0"),
  };
  struct registers in = {.eax = 1, .ebx = kData};
  RUN_ALL(items, &in);
}

static void protected_instructions(void) {
  static const struct item items[] = {
      ITEM("hlt", "\xf4"), ITEM("cli", "\xfa"), ITEM("sti", "\xfb"), ITEM("in al, dx", "\xec"), ITEM("in eax, 80", "\xe5\x80"),
      ITEM("out dx, al", "\xee"), ITEM("out 80, eax", "\xe7\x80"), ITEM("insb", "\x6c"), ITEM("outsd", "\x6f"),
      ITEM("rep insd", "\xf3\x6d"), ITEM("mov cr0, eax", "\x0f\x22\xc0"), ITEM("mov eax, cr0", "\x0f\x20\xc0"),
      ITEM("mov eax, cr3", "\x0f\x20\xd8"), ITEM("mov cr3, eax", "\x0f\x22\xd8"), ITEM("mov eax, cr4", "\x0f\x20\xe0"),
      ITEM("mov dr7, eax", "\x0f\x23\xf8"), ITEM("mov eax, dr6", "\x0f\x21\xf0"), ITEM("lgdt", "\x0f\x01\x13"),
      ITEM("lidt", "\x0f\x01\x1b"), ITEM("lmsw", "\x0f\x01\xf0"), ITEM("invlpg", "\x0f\x01\x3b"), ITEM("clts", "\x0f\x06"),
      ITEM("lldt", "\x0f\x00\xd0"), ITEM("ltr", "\x0f\x00\xd8"), ITEM("wbinvd", "\x0f\x09"), ITEM("invd", "\x0f\x08"),
      ITEM("rdmsr", "\x0f\x32"), ITEM("wrmsr", "\x0f\x30"),
      ITEM("int 0", "\xcd\x00"), ITEM("int 13", "\xcd\x0d"), ITEM("int 14", "\xcd\x0e"), ITEM("int 0x20", "\xcd\x20"),
      ITEM("int 0x81", "\xcd\x81"), ITEM("int 0xff", "\xcd\xff"),
      ITEM("mov ds, bad selector", "\xb8\xf8\xff\x00\x00\x8e\xd8"), ITEM("mov ss, null", "\x31\xc0\x8e\xd0"),
      ITEM("mov ss, code", "\x8c\xc8\x8e\xd0"), ITEM("mov fs, empty entry", "\xb8\x73\x00\x00\x00\x8e\xe0"),
      ITEM("mov gs, system entry", "\xb8\x43\x00\x00\x00\x8e\xe8"), ITEM("mov es, ldt", "\xb8\x07\x00\x00\x00\x8e\xc0"),
      ITEM("jmp far data", "\xea\x00\x00\x00\x20\x2b\x00"), ITEM("jmp far null", "\xea\x00\x00\x00\x20\x00\x00"),
      ITEM("call far empty", "\x9a\x00\x00\x00\x20\x73\x00"),
      ITEM("retf to null", "\x6a\x00\x6a\x00\xcb"), ITEM("iret to null", "\x6a\x02\x6a\x00\x6a\x00\xcf"),
      ITEM("mov ax, es:[] null es", "\x31\xc0\x8e\xc0\x26\x8b\x03"),
  };
  struct registers in = {.eax = 0x11, .edx = 0x80, .ecx = 1, .ebx = kData + 64, .esi = kData, .edi = kData};
  for (unsigned i = 0; i < sizeof items / sizeof *items; ++i) {
    const struct outcome result = probe(0, items[i].code, items[i].size, &in);
    probe_show(items[i].name, &result, PROBE_NO_REGISTERS);
  }
}

static void software(void) {
  static const struct item items[] = {
      ITEM("int3", "\xcc"), ITEM("int 3", "\xcd\x03"), ITEM("into, OF clear", "\xce"),
      ITEM("two nops and int3", "\x90\x90\xcc"), ITEM("int 4", "\xcd\x04"), ITEM("int 5", "\xcd\x05"),
  };
  struct registers in = {.eax = 1};
  RUN_ALL(items, &in);
  in.eflags = 0x800;
  struct outcome result = PROBE("\xce", &in);
  probe_show("into, OF set", &result, 0x800);
  volatile int32_t *limits = (volatile int32_t *)kData;
  limits[0] = -5;
  limits[1] = 10;
  static const int32_t indices[] = {-6, -5, 0, 10, 11};
  for (int i = 0; i < 5; ++i) {
    in = (struct registers){.eax = (uint32_t)indices[i], .ebx = kData};
    result = PROBE("\x62\x03", &in);
    probe_show("bound", &result, 0);
  }
}

static uint32_t steps[64];
static unsigned step_count;

static void on_step(int signal, siginfo_t *info, void *data) {
  greg_t *regs = ((ucontext_t *)data)->uc_mcontext.gregs;
  (void)signal;
  const uint32_t eip = (uint32_t)regs[REG_EIP];
  if (eip - kCode < 64 && step_count < 64) steps[step_count++] = (eip - kCode) | (uint32_t)info->si_code << 8;
  if (regs[REG_TRAPNO] == 3) regs[REG_EFL] &= ~0x100;  // the int3 that ends the code
}

static void stepping(void) {
  // TF set by POPF: the trap comes after the instruction that follows POPF.
  struct registers in = {.eax = 1, .esi = kData, .edi = kData + 64, .ecx = 3};
  struct outcome result = PROBE("\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d\x40\x40\x40", &in);
  probe_show("popf sets TF", &result, 0x100);

  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGTRAP, &action, NULL);
  static const char code[] =
      "\xb8\x04\x00\x00\x00"  // mov $4, %eax
      "\x31\xdb"              // xor %ebx, %ebx
      "\x01\xc3"              // 1: add %eax, %ebx
      "\x48"                  // dec %eax
      "\x75\xfb"              // jnz 1b
      "\xf3\xa4"              // rep movsb: a trap after each iteration
      "\xe8\x00\x00\x00\x00"  // call the next
      "\x58"                  // pop %eax
      "\x9c\x5a"              // pushf; pop %edx: TF is seen
      "\xcc";
  in.eflags = 0x100;
  result = PROBE(code, &in);
  for (unsigned i = 0; i < step_count; ++i) printf("%x%s", steps[i], i % 16 == 15 ? "\n" : " ");
  printf("\nebx %u ecx %u edi %x TF seen %x\n", result.at.ebx, result.at.ecx, result.at.edi, result.at.edx & 0x100);
}

static void floating(void) {
  // fninit; unmask one exception; raise it; it is reported at the next waiting instruction.
  static const struct item items[] = {
      ITEM("x87 1/0", "\xdb\xe3\x68\x7b\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\x9b"),
      ITEM("x87 0/0", "\xdb\xe3\x68\x7e\x03\x00\x00\xd9\x2c\x24\x58\xd9\xee\xd9\xee\xde\xf9\x9b"),
      ITEM("x87 1/3 inexact", "\xdb\xe3\x68\x5f\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd8\xc0\xd9\xe8\xd9\xc0\xd8\xc1\xd8\xc1\xde\xf9\x9b"),
      ITEM("x87 stack underflow", "\xdb\xe3\x68\x7e\x03\x00\x00\xd9\x2c\x24\x58\xd8\xc1\x9b"),
      ITEM("x87 masked 1/0", "\xdb\xe3\xd9\xe8\xd9\xee\xde\xf9\x9b"),
      ITEM("x87 pending, next is fninit", "\xdb\xe3\x68\x7b\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\xdb\xe3"),
      ITEM("x87 pending, next is fld1", "\xdb\xe3\x68\x7b\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\x90\x90\xd9\xe8"),
  };
  struct registers in = {.eax = 1};
  RUN_ALL(items, &in);
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  probe_start();
  if (strcmp(part, "divide") == 0) divide();
  else if (strcmp(part, "undefined") == 0) undefined();
  else if (strcmp(part, "protected") == 0) protected_instructions();
  else if (strcmp(part, "software") == 0) software();
  else if (strcmp(part, "stepping") == 0) stepping();
  else if (strcmp(part, "floating") == 0) floating();
  else return 2;
  return 0;
}
