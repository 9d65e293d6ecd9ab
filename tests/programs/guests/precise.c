// Precise faults inside hot loops: a faulting instruction at every position of loops that a translator would reorder. A
// handler reports registers, flags, fault address and memory, mends what is wrong, and the loop goes on.
//
//   precise KIND [PAGES]   each loop makes 1,024 iterations a page; faults strike after a third and two thirds of them
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

// Pieces of code. OP is an instruction, or a few that stay together; NAME_bounds lists where each starts, the end and NULL.
// EAX, ECX, EDX, EBX hold data; ESI points to 256 bytes of work area; EDI walks through kWalk; EBP counts down.
asm(".macro piece name\n"
    "  .pushsection .rodata\n"
    "  .subsection 1\n"
    "\\name\\()_bounds:\n"
    "  .subsection 0\n"
    ".endm\n"
    ".macro op\n"
    "  .subsection 1\n"
    "  .long 99f\n"
    "  .subsection 0\n"
    "99:\n"
    ".endm\n"
    ".macro end\n"
    "  op\n"
    "  .subsection 1\n"
    "  .long 0\n"
    "  .popsection\n"
    ".endm\n");
#define PIECE(name, text)                   \
  asm("piece " #name "\n" text "end\n"); \
  extern const uint8_t *const name##_bounds[] asm(#name "_bounds")
#define OP(text) "op\n" text "\n"

// Flags that live across instructions, partial registers, conditional moves.
PIECE(arithmetic,
      OP("addl %ecx, %eax")
      OP("adcl $0x11, %edx")
      OP("leal 5(%eax,%ecx,2), %ebx")
      OP("xorl %ebx, %edx")
      OP("subl %edx, %ecx")
      OP("sbbl %eax, %ebx")
      OP("incl %eax")
      OP("cmpl %ebx, %ecx")
      OP("setb %dl")
      OP("cmovl %ecx, %eax")
      OP("negl %ecx")
      OP("addb %ah, %bl"));

// Loads and stores that overlap, or may.
PIECE(memory,
      OP("movl (%esi), %eax")
      OP("addl %eax, 4(%esi)")
      OP("movl 4(%esi), %ecx")
      OP("movl %ecx, 8(%esi)")
      OP("movb %al, 9(%esi)")
      OP("movl 8(%esi), %edx")
      OP("xorl %edx, 12(%esi)")
      OP("incl (%esi)")
      OP("movl %edx, %ebx")
      OP("andl $15, %ebx")
      OP("addl (%esi,%ebx,4), %edx")
      OP("movl %edx, 16(%esi,%ebx,4)"));

// Redundant loads, stores that are dead unless something faults, stores that forward.
PIECE(redundant,
      OP("movl 20(%esi), %eax")
      OP("movl 20(%esi), %ecx")
      OP("movl %eax, 24(%esi)")
      OP("movl 24(%esi), %edx")
      OP("movl %edx, 24(%esi)")
      OP("leal (%edx,%ecx,2), %edx")
      OP("bswapl %edx")
      OP("movl %edx, 20(%esi)")
      OP("shll $1, %ecx")
      OP("movzbl 21(%esi), %ebx")
      OP("xchgl %ebx, 28(%esi)")
      OP("addw %bx, 24(%esi)"));

// ESP that moves up and down.
PIECE(stack,
      OP("pushl %eax")
      OP("pushl %ecx")
      OP("addl (%esp), %edx")
      OP("movl %edx, 4(%esp)")
      OP("popl %ebx")
      OP("popl %eax")
      OP("leal -8(%esp), %esp")
      OP("movl %ebx, (%esp)")
      OP("addl %eax, (%esp)")
      OP("popl %ecx")
      OP("addl $4, %esp")
      OP("xorl %ecx, %edx"));

// Branches inside: always one way, alternating, seldom.
PIECE(branches,
      OP("testl $1, %ebp")
      OP("jz 77f; addl $5, %ecx; 77:")
      OP("addl %ecx, %eax")
      OP("cmpl $100, %edx; jbe 77f; xorl %edx, %edx; 77:")
      OP("incl %edx")
      OP("movl %eax, 32(%esi)")
      OP("subl %edx, %ecx")
      OP("jns 77f; notl %ecx; 77:")
      OP("addl 32(%esi), %edx")
      OP("testl $255, %ebp; jnz 77f; incl 40(%esi); 77:")
      OP("movl %edx, %ebx")
      OP("addl %ebx, 36(%esi)"));

PIECE(load, OP("movl (%edi), %eax"));
PIECE(add, OP("addl (%edi), %ecx"));
PIECE(store, OP("movl %edx, (%edi)"));
PIECE(modify, OP("addl %eax, (%edi)"));
PIECE(exchange, OP("xchgl %eax, (%edi)"));
PIECE(load_across, OP("movl 2(%edi), %eax"));
PIECE(store_across, OP("movl %edx, 2(%edi)"));
// DIV leaves the flags undefined: CMP sets them.
PIECE(divide, OP("xorl %edx, %edx; divl (%edi); cmpl %eax, %ecx"));
PIECE(divide_register, OP("movl (%edi), %ebx; xorl %edx, %edx; divl %ebx; cmpl %eax, %ecx"));
PIECE(divide_overflow, OP("movl $0x80000000, %eax; cltd; idivl (%edi); cmpl %eax, %ecx"));
PIECE(undefined_seldom, OP("cmpl $0, (%edi); jne 77f; ud2; 77:"));
PIECE(undefined, OP("ud2"));
// x87 instructions, and one that loads a segment register: what translations leave to helpers. Words of kWalk are small. SHR leaves OF
// undefined: CMP sets it.
PIECE(float_load, OP("fldl (%edi); fstps 208(%esi)"));
PIECE(float_add, OP("fldz; fadds (%edi); fstps 208(%esi)"));
PIECE(float_store, OP("fildl 20(%esi); fistpl (%edi)"));
PIECE(float_divide, OP("fldcw 200(%esi); fld1; fidivl (%edi); addl $3, 204(%esi); fstps 208(%esi)"));
PIECE(segment, OP("movl (%edi), %ebx; shrl $4, %ebx; cmpl %eax, %ecx; movl %ebx, %fs"));
PIECE(tail, OP("leal 4(%edi), %edi") OP("decl %ebp"));

enum { kWalk = 0x2a000000, kMostPages = 64, kPage = 0x1000, kWork = 0x100 };
enum { kFlagsShown = ARITHMETIC_FLAGS & ~0x10 };  // AF is undefined after logical operations and shifts
enum { kFaultsShown = 3 };                         // of each loop; the digest covers all

// How a kind prepares the two places where the fault strikes: by protection of a page, or by the value of a word.
struct kind {
  const char *name;
  const uint8_t *const *code;
  int protection;     ///< of the pages; -1: the word decides
  uint32_t word;      ///< that faults
  uint32_t mended;    ///< what the handler puts in its place
  unsigned in_ebx;    ///< 1: the word goes to EBX, where it faults
};

static const struct kind kinds[] = {
    {"load", load_bounds, PROT_NONE, 0, 0, 0},
    {"add", add_bounds, PROT_NONE, 0, 0, 0},
    {"store", store_bounds, PROT_READ, 0, 0, 0},
    {"modify", modify_bounds, PROT_READ, 0, 0, 0},
    {"exchange", exchange_bounds, PROT_NONE, 0, 0, 0},
    {"load_across", load_across_bounds, PROT_NONE, 0, 0, 0},
    {"store_across", store_across_bounds, PROT_READ, 0, 0, 0},
    {"divide", divide_bounds, -1, 0, 7, 0},
    {"divide_register", divide_register_bounds, -1, 0, 7, 1},
    {"divide_overflow", divide_overflow_bounds, -1, ~0u, 3, 0},
    {"undefined_seldom", undefined_seldom_bounds, -1, 0, 0, 0},
    {"undefined", undefined_bounds, -1, 0, 0, 0},
    {"float_load", float_load_bounds, PROT_NONE, 0, 0, 0},
    {"float_add", float_add_bounds, PROT_NONE, 0, 0, 0},
    {"float_store", float_store_bounds, PROT_READ, 0, 0, 0},
    {"float_divide", float_divide_bounds, -1, 0, 7, 0},
    {"segment", segment_bounds, -1, 0x12340, 0, 1},
    {"fetch", load_bounds, PROT_NONE, 0, 0, 0},
};

static const struct { const char *name; const uint8_t *const *code; } loops[] = {
    {"arithmetic", arithmetic_bounds}, {"memory", memory_bounds}, {"redundant", redundant_bounds},
    {"stack", stack_bounds}, {"branches", branches_bounds},
};

static const struct kind *kind;
static uint32_t pages, faults;
static uint64_t digest;
static char label[64];

static uint32_t fold_words(uint32_t hash, uint32_t from, uint32_t to) {
  for (const uint32_t *word = (const uint32_t *)from; word < (const uint32_t *)to; ++word) hash = (hash ^ *word) * 0x01000193;
  return hash;
}

/// What the loops write: work area, stack, and in kWalk the last 16 words. All pages up to EDI are readable by then.
static uint32_t memory_digest(uint32_t edi) {
  const uint32_t from = edi - kWalk < 64 ? kWalk : edi - 64;
  return fold_words(fold_words(fold_words(1, kData, kData + kWork), kStackTop - 64, kStackTop), from, edi);
}

static void report(const struct outcome *result) {
  const uint32_t memory = memory_digest(result->at.edi);
  struct registers at = result->at;
  at.eflags &= kFlagsShown;
  digest = fold(fold(digest, &at, sizeof at), &memory, sizeof memory);
  digest = fold(digest, &result->address, sizeof result->address);
  if (result->signal != 0 && faults > kFaultsShown) return;
  probe_show(label, result, kFlagsShown);
  printf("    memory %08x\n", memory);
}

static void on_fault(int signal, siginfo_t *info, void *data) {
  ucontext_t *const context = data;
  greg_t *const regs = context->uc_mcontext.gregs;
  const uint32_t address = (uint32_t)info->si_addr;
  const struct outcome now = {
      .signal = signal, .code = info->si_code, .address = address,
      .trap = regs[REG_TRAPNO], .error = regs[REG_ERR], .cr2 = context->uc_mcontext.cr2,
      .at = {regs[REG_EAX], regs[REG_ECX], regs[REG_EDX], regs[REG_EBX], regs[REG_ESP], regs[REG_EBP], regs[REG_ESI],
             regs[REG_EDI], regs[REG_EFL], regs[REG_EIP]},
  };
  if (++faults > 100000) _exit(3);  // nothing mends it
  report(&now);
  if (signal == SIGSEGV && address - kWalk < pages * kPage) {
    mprotect((void *)(address & ~(kPage - 1)), kPage, PROT_READ | PROT_WRITE);
    if (strcmp(kind->name, "fetch") == 0) mprotect((void *)(kCode + kPage), kPage, PROT_NONE);
  } else if (signal == SIGSEGV && address - (kCode + kPage) < kPage) {
    mprotect((void *)(kCode + kPage), kPage, PROT_READ | PROT_WRITE | PROT_EXEC);
  } else if (signal == SIGFPE || (signal == SIGSEGV && kind->in_ebx)) {
    context->uc_mcontext.fpregs->sw &= ~0x80fful;  // nothing is pending any more
    if (kind->in_ebx) regs[REG_EBX] = (greg_t)kind->mended;
    else *(uint32_t *)regs[REG_EDI] = kind->mended;
  } else if (signal == SIGILL) {
    regs[REG_EIP] += 2;
  } else {
    _exit(4);
  }
}

static uint8_t *append(uint8_t *to, const uint8_t *from, const uint8_t *end) {
  memcpy(to, from, (size_t)(end - from));
  return to + (end - from);
}

/// Instructions of a piece.
static unsigned length(const uint8_t *const *code) {
  unsigned n = 0;
  while (code[n + 1] != NULL) ++n;
  return n;
}

/// The loop with the faulting piece before its instruction `position`; returns its size.
static uint32_t compose(uint8_t *code, const uint8_t *const *loop, unsigned position) {
  uint8_t *at = code;
  at = append(at, loop[0], loop[position]);
  at = append(at, kind->code[0], kind->code[1]);
  at = append(at, loop[position], loop[length(loop)]);
  at = append(at, tail_bounds[0], tail_bounds[2]);
  const int32_t back = (int32_t)(code - (at + 6));
  *at++ = 0x0f, *at++ = 0x85;  // jnz code
  memcpy(at, &back, sizeof back);
  return (uint32_t)(at + sizeof back - code);
}

static void prepare(uint32_t iterations) {
  mprotect((void *)kWalk, pages * kPage, PROT_READ | PROT_WRITE);
  uint32_t *const words = (uint32_t *)kWalk;
  for (uint32_t i = 0; i < iterations; ++i) words[i] = 5 + i % 11;
  for (uint32_t third = 1; third <= 2; ++third) {
    const uint32_t page = third * pages / 3;
    if (kind->protection >= 0) mprotect((void *)(kWalk + page * kPage), kPage, kind->protection);
    else words[page * kPage / 4 + third] = kind->word;
  }
  uint32_t *const work = (uint32_t *)kData;
  for (uint32_t i = 0; i < kWork / 4; ++i) work[i] = i * 0x01010101;
  work[50] = 0x37b;  // x87 control word: a division by zero is an exception
  memset((void *)(kStackTop - 64), 0, 64);
}

static void run(const char *loop, const char *what, unsigned number, uint32_t where, const uint8_t *code, uint32_t size) {
  // An undefined opcode that is always met takes a signal in each iteration.
  const uint32_t iterations = strcmp(kind->name, "undefined") == 0 ? pages * 32 : pages * kPage / 4;
  const struct registers in = {.eax = 1, .ecx = 2, .edx = 3, .ebx = 4, .esi = kData, .edi = kWalk, .ebp = iterations};
  prepare(pages * kPage / 4);
  faults = 0;
  snprintf(label, sizeof label, "%s, %s, %s %u", kind->name, loop, what, number);
  const struct outcome end = probe(where, code, size, &in);
  report(&end);
  printf("    %u faults, digest %016llx\n", faults, (unsigned long long)digest);
}

int main(int argc, char **argv) {
  for (unsigned i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; ++i)
    if (strcmp(kinds[i].name, argv[1]) == 0) kind = &kinds[i];
  pages = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 6;
  if (kind == NULL || pages < 3 || pages > kMostPages) {
    fprintf(stderr, "usage: precise KIND [PAGES, 3 to %d]\n", kMostPages);
    return 2;
  }
  probe_start();
  const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int signals[] = {SIGSEGV, SIGILL, SIGFPE};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; ++i) sigaction(signals[i], &action, NULL);
  // A page beyond the last that a loop reaches: accesses across its end.
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  if (mmap((void *)kWalk, (pages + 1) * kPage, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) return 1;
  for (unsigned i = 0; i < sizeof loops / sizeof *loops; ++i) {
    uint8_t code[256];
    if (strcmp(kind->name, "fetch") == 0) {
      // The code page goes away in the middle of an iteration; its boundary lies before every byte of the loop.
      const uint32_t size = compose(code, loops[i].code, 0);
      for (uint32_t byte = 1; byte < size; ++byte) run(loops[i].name, "byte", byte, kCode + kPage - byte, code, size);
    } else {
      for (unsigned position = 0; position <= length(loops[i].code); ++position)
        run(loops[i].name, "position", position, kCode, code, compose(code, loops[i].code, position));
    }
  }
  return 0;
}
