#include "probe.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

// Where the running probe was entered from; the handler and the exit stub return there.
struct probe_frame {
  uint32_t esp;
  struct registers in, out;
  uint32_t target;
} probe_frame asm("probe_frame");

static volatile int active;
static struct outcome current;

void probe_enter(void) asm("probe_enter");
void probe_leave(void) asm("probe_leave");
void probe_resume(void) asm("probe_resume");

// probe_enter: saves what a C function must keep, loads the registers and jumps. probe_leave is what the code
// falls into: it stores the registers. probe_resume is where the signal handler continues.
asm(".text\n"
    "probe_enter:\n"
    "  pushal\n"
    "  pushfl\n"
    "  movl %esp, probe_frame\n"
    "  movl probe_frame+20, %esp\n"
    "  pushl probe_frame+84\n"   // target
    "  pushl probe_frame+36\n"   // eflags
    "  movl probe_frame+4, %eax\n"
    "  movl probe_frame+8, %ecx\n"
    "  movl probe_frame+12, %edx\n"
    "  movl probe_frame+16, %ebx\n"
    "  movl probe_frame+24, %ebp\n"
    "  movl probe_frame+28, %esi\n"
    "  movl probe_frame+32, %edi\n"
    "  popfl\n"
    "  ret\n"
    "probe_leave:\n"  // SS is flat, DS may be anything
    "  movl %eax, %ss:probe_frame+44\n"
    "  movl %ecx, %ss:probe_frame+48\n"
    "  movl %edx, %ss:probe_frame+52\n"
    "  movl %ebx, %ss:probe_frame+56\n"
    "  movl %esp, %ss:probe_frame+60\n"
    "  movl %ebp, %ss:probe_frame+64\n"
    "  movl %esi, %ss:probe_frame+68\n"
    "  movl %edi, %ss:probe_frame+72\n"
    "  movl %ss:probe_frame, %esp\n"
    "  pushfl\n"
    "  popl %ss:probe_frame+76\n"
    "probe_resume:\n"
    "  pushl %ss\n"
    "  popl %ds\n"
    "  pushl %ss\n"
    "  popl %es\n"
    "  popfl\n"
    "  popal\n"
    "  ret\n");

_Static_assert(__builtin_offsetof(struct probe_frame, in.eflags) == 36, "used by the assembly");
_Static_assert(__builtin_offsetof(struct probe_frame, out.eax) == 44, "used by the assembly");
_Static_assert(__builtin_offsetof(struct probe_frame, out.eflags) == 76, "used by the assembly");
_Static_assert(__builtin_offsetof(struct probe_frame, target) == 84, "used by the assembly");

static void on_signal(int signal, siginfo_t *info, void *data) {
  greg_t *regs = ((ucontext_t *)data)->uc_mcontext.gregs;
  if (!active) {
    // A fault of the program itself: no handler of ours may hide it.
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(signal, &standard, NULL);
    return;
  }
  current.signal = signal;
  current.code = info->si_code;
  current.address = (uint32_t)info->si_addr;
  current.trap = regs[REG_TRAPNO];
  current.error = regs[REG_ERR];
  current.cr2 = ((ucontext_t *)data)->uc_mcontext.cr2;
  current.at = (struct registers){regs[REG_EAX], regs[REG_ECX], regs[REG_EDX], regs[REG_EBX], regs[REG_ESP],
                                  regs[REG_EBP], regs[REG_ESI], regs[REG_EDI], regs[REG_EFL], regs[REG_EIP]};
  regs[REG_ESP] = probe_frame.esp;
  regs[REG_EIP] = (greg_t)probe_resume;
  regs[REG_EFL] &= ~0x500;
}

static void map(uint32_t address, size_t size, int prot) {
  if (mmap((void *)address, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)address) {
    perror("probe: mmap");
    exit(1);
  }
}

void probe_start(void) {
  map(kCode, kCodeSize, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(kData, kDataSize, PROT_READ | PROT_WRITE);
  map(kReadOnly, 0x1000, PROT_READ | PROT_WRITE);
  memset((void *)kReadOnly, 0x5a, 0x1000);
  mprotect((void *)kReadOnly, 0x1000, PROT_READ);
  map(kNone, 0x1000, PROT_NONE);
  map(kStack, 0x4000, PROT_READ | PROT_WRITE);
  // Whether a page that was never used is present is the kernel's affair; these are.
  memset((void *)kData, 0, kDataSize);
  static char handler_stack[32768];
  const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; ++i) sigaction(signals[i], &action, NULL);
}

struct outcome probe_jump(uint32_t where, const struct registers *in) {
  memset(&current, 0, sizeof current);
  probe_frame.in = *in;
  if (in->esp == 0) probe_frame.in.esp = kStackTop;
  probe_frame.in.eflags = 0x202 | (in->eflags & 0xdd5);
  probe_frame.target = where;
  active = 1;
  probe_enter();
  active = 0;
  if (current.signal == 0) current.at = probe_frame.out;
  return current;
}

struct outcome probe(uint32_t where, const void *code, unsigned size, const struct registers *in) {
  uint8_t *to = (uint8_t *)(where != 0 ? where : kCode);
  memcpy(to, code, size);
  // jmp probe_leave, unless it would lie outside the area: then the code must fault.
  if ((uint32_t)to + size + 5 <= kCode + kCodeSize) {
    const uint32_t offset = (uint32_t)probe_leave - ((uint32_t)to + size + 5);
    to[size] = 0xe9;
    memcpy(to + size + 1, &offset, 4);
  }
  return probe_jump((uint32_t)to, in);
}

// printf would be most of what these programs execute.
static char line[256], *end;

static void text(const char *from) {
  while (*from != '\0') *end++ = *from++;
}

static void number(const char *label, uint32_t value, int digits) {
  text(label);
  for (int i = digits - 1; i >= 0; --i) *end++ = "0123456789abcdef"[value >> (4 * i) & 15];
}

void probe_show(const char *name, const struct outcome *result, uint32_t flags) {
  const struct registers *at = &result->at;
  end = line;
  text(name);
  if (result->signal != 0) {
    number(": signal ", result->signal, 2);
    number(" code ", result->code, 2);
    number(" address ", result->address, 8);
    number(" trap ", result->trap, 2);
    number(" error ", result->error, 4);
    if (result->trap == 14) number(" cr2 ", result->cr2, 8);
    number(" eip ", at->eip, 8);
  } else {
    text(": done");
  }
  if (flags != PROBE_NO_REGISTERS) {
    const uint32_t values[] = {at->eax, at->ecx, at->edx, at->ebx, at->esp, at->ebp, at->esi, at->edi};
    text("\n   ");
    for (int i = 0; i < 8; ++i) number(" ", values[i], 8);
    number(" flags ", at->eflags & flags, 3);
  }
  *end++ = '\n';
  fwrite(line, 1, end - line, stdout);
}
