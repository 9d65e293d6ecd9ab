// Regular expressions: simulation of the nondeterministic automaton (K. Thompson, Communications of the ACM 11, 1968)
// as R. Pike's machine (R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009). Work lists, small
// recursion, a switch per step.
#include "tests/kernels/kernel.h"

enum { kText = 512, kLongest = 64, kChecked = 160 };
enum opcode { kChar, kAny, kSplit, kJump, kMatch };

struct instruction { uint8_t opcode, letter; int8_t x, y; };  // targets are relative, so that code can be moved
struct program { struct instruction code[kLongest]; unsigned size; };

static void insert(struct program *p, unsigned at, struct instruction instruction) {
  for (unsigned i = p->size++; i > at; --i) p->code[i] = p->code[i - 1];
  p->code[at] = instruction;
}

static const char *alternatives(struct program *p, const char *s);

static const char *sequence(struct program *p, const char *s) {
  while (*s != '\0' && *s != '|' && *s != ')') {
    const unsigned start = p->size;
    if (*s == '(') {
      s = alternatives(p, s + 1);
    } else {
      insert(p, p->size, (struct instruction){*s == '.' ? kAny : kChar, (uint8_t)*s, 0, 0});
    }
    ++s;
    const int8_t length = (int8_t)(p->size - start);
    if (*s == '*') {
      insert(p, start, (struct instruction){kSplit, 0, 1, (int8_t)(length + 2)});
      insert(p, p->size, (struct instruction){kJump, 0, (int8_t)(-length - 1), 0});
    } else if (*s == '+') {
      insert(p, p->size, (struct instruction){kSplit, 0, (int8_t)-length, 1});
    } else if (*s == '?') {
      insert(p, start, (struct instruction){kSplit, 0, 1, (int8_t)(length + 1)});
    } else {
      continue;
    }
    ++s;
  }
  return s;
}

static const char *alternatives(struct program *p, const char *s) {
  const unsigned start = p->size;
  s = sequence(p, s);
  if (*s != '|') return s;
  const int8_t left = (int8_t)(p->size - start);
  insert(p, start, (struct instruction){kSplit, 0, 1, (int8_t)(left + 2)});
  const unsigned jump = p->size;
  insert(p, jump, (struct instruction){kJump, 0, 0, 0});
  s = alternatives(p, s + 1);
  p->code[jump].x = (int8_t)(p->size - jump);
  return s;
}

struct list { uint8_t pc[kLongest]; unsigned count; };

static uint32_t marks[kLongest], generation;

static void add(const struct program *p, struct list *list, unsigned pc) {
  if (marks[pc] == generation) return;
  marks[pc] = generation;
  const struct instruction *at = &p->code[pc];
  switch (at->opcode) {
    case kSplit:
      add(p, list, pc + (unsigned)at->x);
      add(p, list, pc + (unsigned)at->y);
      break;
    case kJump: add(p, list, pc + (unsigned)at->x); break;
    default: list->pc[list->count++] = (uint8_t)pc;
  }
}

/// Counts the places where a match ends that starts anywhere before; `ends` has a byte for each.
static uint32_t matches(const struct program *p, const uint8_t *text, unsigned size, uint8_t *ends) {
  struct list lists[2], *now = &lists[0], *then = &lists[1];
  uint32_t found = 0;
  now->count = 0;
  ++generation;
  for (unsigned at = 0; at <= size; ++at) {
    add(p, now, 0);
    ++generation;
    then->count = 0;
    ends[at] = 0;
    for (unsigned i = 0; i < now->count; ++i) {
      const struct instruction *step = &p->code[now->pc[i]];
      if (step->opcode == kMatch) ends[at] = 1;
      else if (at < size && (step->opcode == kAny || step->letter == text[at])) add(p, then, now->pc[i] + 1u);
    }
    found += ends[at];
    struct list *t = now;
    now = then;
    then = t;
  }
  return found;
}

/// The same by backtracking, each state at each place once.
static void backtrack(const struct program *p, const uint8_t *text, unsigned size, unsigned pc, unsigned at, uint8_t *ends) {
  static uint8_t seen[kLongest][kChecked + 1];
  if (pc == 0 && at == 0) {
    uint8_t *byte = &seen[0][0];
    for (unsigned i = 0; i < sizeof seen; ++i) byte[i] = 0;
  }
  if (seen[pc][at]) return;
  seen[pc][at] = 1;
  const struct instruction *step = &p->code[pc];
  switch (step->opcode) {
    case kMatch: ends[at] = 1; break;
    case kSplit: backtrack(p, text, size, pc + (unsigned)step->y, at, ends);  // fall through
    case kJump: backtrack(p, text, size, pc + (unsigned)step->x, at, ends); break;
    default:
      if (at < size && (step->opcode == kAny || step->letter == text[at])) backtrack(p, text, size, pc + 1, at + 1, ends);
  }
}

uint32_t kernel(uint32_t rounds) {
  static const char *const expressions[] = {"(a|b|c)+d", "e(.e)*", "a.*b|c.?d", "((ab?)+c|d)e?f", " .(aa|bb|cc|dd|ee).* "};
  enum { kExpressions = sizeof expressions / sizeof *expressions };
  static uint8_t text[kText], ends[kText + 1], other[kChecked + 1];
  uint32_t seed = 1968, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    if (round % 16 == 0) make_text(text, kText, &seed);
    struct program program = {.size = 0};
    require("the whole expression", *alternatives(&program, expressions[round % kExpressions]) == '\0');
    insert(&program, program.size, (struct instruction){kMatch, 0, 0, 0});
    sum = mix(sum, matches(&program, text, kText, ends));
    if (round >= kExpressions) continue;
    int same = 1;
    for (unsigned i = 0; i <= kChecked; ++i) other[i] = 0;
    for (unsigned at = 0; at <= kChecked; ++at) backtrack(&program, text, kChecked, 0, at, other);
    for (unsigned i = 0; i <= kChecked; ++i) same &= ends[i] == other[i];
    require("same matches by backtracking", same);
  }
  return sum;
}
