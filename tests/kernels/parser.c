// State machine and parser: a lexer driven by a transition table (A. Aho, R. Sethi, J. Ullman, Compilers, 3.4) and
// precedence climbing (M. Richards, The Portable Compiler, 1979) evaluate generated expressions. Table look-ups per
// byte, recursion, a switch.
#include "tests/kernels/kernel.h"

enum { kText = 3072, kDeepest = 5 };

// The generator writes an expression and returns its value, which the parser must find again.
static uint8_t text[kText + 64];
static uint32_t used, seed;

static void write_number(uint32_t value, unsigned base) {
  uint8_t digits[16];
  unsigned count = 0;
  do digits[count++] = (uint8_t)"0123456789abcdef"[value % base];
  while ((value /= base) != 0);
  while (count > 0) text[used++] = digits[--count];
}

static uint32_t generate(unsigned depth, unsigned level) {
  static const uint8_t operators[3][3] = {"|^&", "+-+", "***"};
  if (level < 3) {
    uint32_t value = generate(depth, level + 1);
    for (uint32_t bits = next_random(&seed); bits % 4 < 2 && used < kText; bits >>= 2) {
      const uint8_t operator = operators[level][(bits >> 8) % 3];
      if (bits & 0x10000) text[used++] = ' ';
      text[used++] = operator;
      const uint32_t right = generate(depth, level + 1);
      switch (operator) {
        case '|': value |= right; break;
        case '^': value ^= right; break;
        case '&': value &= right; break;
        case '+': value += right; break;
        case '-': value -= right; break;
        default: value *= right;
      }
    }
    return value;
  }
  const uint32_t bits = next_random(&seed);
  if (bits % 8 == 0) {
    text[used++] = '~';
    return ~generate(depth, level);
  }
  if (bits % 8 < 4 && depth < kDeepest && used < kText) {
    text[used++] = '(';
    const uint32_t value = generate(depth + 1, 0);
    text[used++] = ')';
    return value;
  }
  const uint32_t value = bits >> bits % 24 >> 3;
  if (bits & 64) text[used++] = '0', text[used++] = 'x';
  write_number(value, bits & 64 ? 16 : 10);
  return value;
}

enum class { kBlank, kZero, kDigit, kHexLetter, kX, kMark, kEnd, kClasses };
enum state { kStart, kLeadingZero, kDecimal, kPrefix, kHex, kOperator, kReject, kStates };
static uint8_t classes[256];

// kStart as successor of another state: the token ends before this character.
static const uint8_t next_state[kStates][kClasses] = {
    [kStart] = {kStart, kLeadingZero, kDecimal, kReject, kReject, kOperator, kReject},
    [kLeadingZero] = {kStart, kDecimal, kDecimal, kReject, kPrefix, kStart, kStart},
    [kDecimal] = {kStart, kDecimal, kDecimal, kReject, kReject, kStart, kStart},
    [kPrefix] = {kReject, kHex, kHex, kHex, kReject, kReject, kReject},
    [kHex] = {kStart, kHex, kHex, kHex, kReject, kStart, kStart},
    [kOperator] = {kStart, kStart, kStart, kStart, kStart, kStart, kStart},
    [kReject] = {kReject, kReject, kReject, kReject, kReject, kReject, kReject},
};

struct lexer {
  const uint8_t *at;
  uint32_t value;
  uint8_t token;  // '0' for a number, else the operator; 0 at the end or on a wrong character
};

static void make_classes(void) {
  for (unsigned c = 0; c < 256; ++c)
    classes[c] = c == '\0' ? kEnd : c == ' ' ? kBlank : c == '0' ? kZero : c >= '1' && c <= '9' ? kDigit
               : c >= 'a' && c <= 'f' ? kHexLetter : c == 'x' ? kX : kMark;
}

static void advance(struct lexer *lexer) {
  const uint8_t *at = lexer->at;
  while (*at == ' ') ++at;
  uint8_t state = kStart;
  uint32_t value = 0;
  const uint8_t first = *at;
  for (uint8_t next; (next = next_state[state][classes[*at]]) != kStart && next != kReject; ++at) {
    state = next;
    const uint32_t digit = *at - (*at <= '9' ? '0' : 'a' - 10u);
    if (state == kDecimal) value = value * 10 + digit;
    else if (state == kHex) value = value * 16 + digit;
  }
  lexer->at = at;
  lexer->value = value;
  lexer->token = state == kOperator ? first : state == kStart || state == kPrefix ? 0 : '0';
}

static int precedence(uint8_t operator) {
  switch (operator) {
    case '|': case '^': case '&': return 1;
    case '+': case '-': return 2;
    case '*': return 3;
    default: return 0;
  }
}

static uint32_t expression(struct lexer *lexer, int lowest);

static uint32_t operand(struct lexer *lexer) {
  const uint8_t token = lexer->token;
  uint32_t value = lexer->value;
  advance(lexer);
  if (token == '~') return ~operand(lexer);
  if (token == '(') {
    value = expression(lexer, 1);
    if (lexer->token != ')') lexer->token = 0;
    advance(lexer);
  }
  return value;
}

static uint32_t expression(struct lexer *lexer, int lowest) {
  uint32_t value = operand(lexer);
  for (int binding; (binding = precedence(lexer->token)) >= lowest;) {
    const uint8_t operator = lexer->token;
    advance(lexer);
    const uint32_t right = expression(lexer, binding + 1);
    switch (operator) {
      case '|': value |= right; break;
      case '^': value ^= right; break;
      case '&': value &= right; break;
      case '+': value += right; break;
      case '-': value -= right; break;
      default: value *= right;
    }
  }
  return value;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t sum = 0;
  make_classes();
  seed = 1979;
  for (uint32_t round = 0; round < rounds; ++round) {
    // Several expressions, separated by NUL, fill the text; a text is parsed more often than it is made.
    static uint32_t values[kText], count;
    if (round % 8 == 0) {
      for (used = count = 0; used < kText; text[used++] = '\0') values[count++] = generate(0, 0);
    }
    struct lexer lexer = {.at = text};
    int right = 1;
    for (uint32_t n = 0; n < count; ++n, ++lexer.at) {
      advance(&lexer);
      const uint32_t value = expression(&lexer, 1);
      right &= value == values[n] && lexer.token == 0 && *lexer.at == '\0';
      sum = mix(sum, value);
    }
    require("values of expressions", right);
  }
  return sum;
}
