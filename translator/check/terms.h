// Symbolic values for the schedule checker: what a register holds, as an expression over the values at entry, loaded values
// and constants. Build machine only.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "translator/ir/ir.h"

namespace chrysalis::translator::checking {

/// A name for an expression. Equal terms have equal values; terms that have not been seen to be equal may be so.
using Term = uint32_t;

/// Where a value comes from that is no expression.
enum class Source : uint8_t {
  Entry,    ///< contents of a host register at entry, by Reg number
  Load,     ///< by operation of the region: what it loads, zero-extended
  Special,  ///< by operation: what it reads from a special register
  Label,    ///< by code label: its host address
  Return,   ///< by operation: the return address of a call
  Lookup,   ///< by term of a guest address: what the jump translation buffer answers
  Nothing,  ///< by number: undefined contents
};

/// Expressions in a normal form. Each function delivers the term for what it is named after; widths are those of the IR,
/// whose operations use the low bits of their sources and extend their result with zeros.
///
/// Normal form: a source of which only the low bits count has no extension that changes only others; additions of constants
/// are collected; operands of commutative operations are sorted; a condition is one of the even ones.
class Terms {
 public:
  struct Operation {
    ir::Op op;
    uint8_t width;
    uint8_t aux = 0;      ///< condition of SetCc and SelectCc, scale of Lea
    int64_t imm = 0;      ///< of Lea
    Term src[4] = {0, 0, 0, 0};  ///< in the IR's order; an old flags image that is absent is zero()
  };

  Terms();

  Term constant(uint64_t value);
  Term zero() const { return 0; }
  Term leaf(Source source, uint64_t which, unsigned zero_from = 64);
  /// The value result of a pure operation.
  Term value(const Operation& operation);
  /// Its flags result.
  Term flags(const Operation& operation);
  Term zext(Term term, unsigned width);
  Term sext(Term term, unsigned width);
  /// A term with the same low `width` bits.
  Term low(Term term, unsigned width);
  Term add(Term a, Term b, unsigned width);

  /// What a conditional branch tests: `term` is not zero, or with `negated` it is.
  struct Test {
    Term term;
    bool negated;
    bool operator==(const Test&) const = default;
  };
  Test condition(unsigned cond, Term flags);
  Test not_zero(Term term);
  static Test negated(Test test) { return {test.term, !test.negated}; }

  bool is_constant(Term term) const { return nodes_[term].kind == Kind::Constant; }
  uint64_t constant_of(Term term) const { return nodes_[term].imm; }

  /// The term as base and displacement, modulo 2^`width`.
  struct Sum {
    Term base;       ///< zero(): an absolute address
    int64_t offset;  ///< sign-extended from `width`
    bool operator==(const Sum&) const = default;
  };
  Sum sum(Term term, unsigned width);

  /// For messages.
  std::string text(Term term, unsigned depth = 4) const;

 private:
  enum class Kind : uint8_t { Constant, Leaf, Value, Flags };
  struct Node {
    Kind kind = Kind::Constant;
    Source source = Source::Entry;
    ir::Op op = ir::Op::Const;
    uint8_t width = 64, aux = 0;
    uint8_t zero_from = 64;  ///< all bits from here up are 0; follows from the rest
    uint64_t imm = 0;
    Term src[4] = {0, 0, 0, 0};
    bool operator==(const Node&) const = default;
  };
  struct Hash {
    size_t operator()(const Node& node) const;
  };

  Term intern(const Node& node);
  Term node(ir::Op op, unsigned width, unsigned zero_from, Term a, Term b = 0, Term c = 0, Term d = 0, unsigned aux = 0,
            uint64_t imm = 0);
  Term lea(Term base, Term index, unsigned scale, uint64_t imm, unsigned width);
  Term count(Term term, unsigned width);
  const Node& at(Term term) const { return nodes_[term]; }

  std::vector<Node> nodes_;
  std::unordered_map<Node, Term, Hash> known_;
};

}  // namespace chrysalis::translator::checking
