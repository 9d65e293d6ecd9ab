// Runs a few bytes of machine code with chosen registers and tells what became of them, faults included.
#pragma once

#include <stdint.h>
#include <ucontext.h>

#include "guest.h"

/// Fixed addresses, so that every report is the same everywhere.
enum {
  kCode = 0x20000000,       ///< two pages, read, write, execute; the page after them is never mapped
  kCodeSize = 0x2000,
  kData = 0x30000000,       ///< four pages, read and write; the pages around them are never mapped
  kDataSize = 0x4000,
  kReadOnly = 0x31000000,   ///< one page, read only, all bytes 0x5a
  kNone = 0x32000000,       ///< one page, PROT_NONE
  kStack = 0x33000000,      ///< stack of the probe: four pages; ESP starts at kStackTop
  kStackTop = 0x33003f00,
};

/// ESP is kStackTop unless set. EFLAGS: only the arithmetic flags, DF and TF are taken from `in`.
struct registers {
  uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags, eip;
};

struct outcome {
  int signal;                     ///< 0: the code ran to its end
  int code;                       ///< si_code
  uint32_t address;               ///< si_addr
  uint32_t trap, error, cr2;      ///< of the signal's ucontext
  struct registers at;            ///< registers at the fault, or after the last byte
};

/// Maps the areas above and installs the handlers.
void probe_start(void);

/// Copies `size` bytes of code so that they start at `where` (0: kCode), runs them, and waits for their end: a
/// fault, or running past the last byte.
struct outcome probe(uint32_t where, const void *code, unsigned size, const struct registers *in);

/// Jumps to `where` as it is.
struct outcome probe_jump(uint32_t where, const struct registers *in);

/// Prints what happened and the registers. `flags` selects the flags shown: not those that the instruction leaves
/// undefined.
void probe_show(const char *name, const struct outcome *result, uint32_t flags);

#define ARITHMETIC_FLAGS 0x8d5u
#define PROBE_NO_REGISTERS (~0u)

/// probe() on a string literal of machine code.
#define PROBE(text, in) probe(0, text, sizeof(text) - 1, in)
