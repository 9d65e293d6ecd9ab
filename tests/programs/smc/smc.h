// Programs whose code changes while it is hot. A command line is `smc_FILE PROGRAM [COUNT]`; each prints what it computed.
#pragma once

#include "tests/programs/guests/guest.h"

struct program {
  const char *name;
  uint32_t (*run)(uint32_t count);  ///< `count` iterations in all; returns a digest of all results
};

/// Each file's programs; the last has no name.
extern const struct program programs[];

/// Assembly in memory that is readable, writable and executable, from the start of a page.
#define CHANGING_CODE(text) asm(".pushsection .changing, \"awx\", @progbits\n.balign 4096\n" text ".popsection\n")

/// Code, and places in it at any alignment. They are volatile, since C does not see that executing them reads them.
#define CODE(name) extern uint32_t name(uint32_t) asm(#name)
#define PLACE(type, name)                                 \
  typedef type type_of_##name __attribute__((aligned(1))); \
  extern volatile type_of_##name name asm(#name)

static inline uint32_t fold32(uint32_t digest, uint32_t value) { return digest * 0x01000193u ^ value; }
