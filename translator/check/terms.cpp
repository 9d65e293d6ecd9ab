#include "translator/check/terms.h"

#include <algorithm>
#include <utility>

namespace chrysalis::translator::checking {
namespace {

using ir::Op;

constexpr uint64_t mask(unsigned width) { return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }

constexpr uint64_t sign_extend(uint64_t value, unsigned width) {
  return width >= 64 ? value : static_cast<uint64_t>(static_cast<int64_t>(value << (64 - width)) >> (64 - width));
}

constexpr unsigned kFlagsBits = 12;  // an image's highest bit is OF, 11

bool commutes(Op op) {
  switch (op) {
    case Op::Add: case Op::And: case Op::Or: case Op::Xor: case Op::XorNot: case Op::Adc: case Op::MulLow: case Op::MulHighU:
    case Op::MulHighS: case Op::MulFlagsU: case Op::MulFlagsS: case Op::MinU: case Op::MaxU: case Op::MinS: case Op::MaxS:
      return true;
    default: return false;
  }
}

bool is_shift(Op op) {
  switch (op) {
    case Op::Shl: case Op::Shr: case Op::Sar: case Op::Rol: case Op::Ror: case Op::Rcl: case Op::Rcr: return true;
    default: return false;
  }
}

const char* source_name(Source source) {
  switch (source) {
    case Source::Entry: return "entry r";
    case Source::Load: return "load #";
    case Source::Special: return "special #";
    case Source::Label: return "label ";
    case Source::Return: return "return address #";
    case Source::Lookup: return "look-up of #";
    default: return "undefined ";
  }
}

}  // namespace

size_t Terms::Hash::operator()(const Node& node) const {
  uint64_t hash = static_cast<uint64_t>(node.kind) | static_cast<uint64_t>(node.source) << 8 | static_cast<uint64_t>(node.op) << 16 |
                  uint64_t{node.width} << 32 | uint64_t{node.aux} << 40;
  for (const uint64_t part : {node.imm, uint64_t{node.src[0]} << 32 | node.src[1], uint64_t{node.src[2]} << 32 | node.src[3]}) {
    hash = (hash ^ part) * 0x9e37'79b9'7f4a'7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

Terms::Terms() { constant(0); }

Term Terms::intern(const Node& node) {
  const auto [found, added] = known_.try_emplace(node, static_cast<Term>(nodes_.size()));
  if (added) nodes_.push_back(node);
  return found->second;
}

Term Terms::node(Op op, unsigned width, unsigned zero_from, Term a, Term b, Term c, Term d, unsigned aux, uint64_t imm) {
  Node out;
  out.kind = Kind::Value;
  out.op = op;
  out.width = static_cast<uint8_t>(width);
  out.aux = static_cast<uint8_t>(aux);
  out.zero_from = static_cast<uint8_t>(zero_from);
  out.imm = imm;
  out.src[0] = a;
  out.src[1] = b;
  out.src[2] = c;
  out.src[3] = d;
  return intern(out);
}

Term Terms::constant(uint64_t value) {
  Node out;
  out.imm = value;
  while (out.zero_from > 0 && !(value >> (out.zero_from - 1) & 1)) --out.zero_from;
  return intern(out);
}

Term Terms::leaf(Source source, uint64_t which, unsigned zero_from) {
  Node out;
  out.kind = Kind::Leaf;
  out.source = source;
  out.imm = which;
  out.zero_from = static_cast<uint8_t>(zero_from);
  return intern(out);
}

Term Terms::zext(Term term, unsigned width) {
  const Node from = at(term);
  if (from.kind == Kind::Constant) return constant(from.imm & mask(width));
  if (from.zero_from <= width) return term;
  if (from.kind == Kind::Value && from.op == Op::Zext) return zext(from.src[0], std::min<unsigned>(width, from.width));
  if (from.kind == Kind::Value && from.op == Op::Sext && from.width >= width) return zext(from.src[0], width);
  return node(Op::Zext, width, width, term);
}

Term Terms::sext(Term term, unsigned width) {
  const Node from = at(term);
  if (width == 64 || from.zero_from < width) return term;
  if (from.kind == Kind::Constant) return constant(sign_extend(from.imm, width));
  if (from.kind == Kind::Value && (from.op == Op::Zext || from.op == Op::Sext) && from.width >= width) return sext(from.src[0], width);
  return node(Op::Sext, width, 64, term);
}

Term Terms::low(Term term, unsigned width) {
  const Node from = at(term);
  if (width == 64) return term;
  if (from.kind == Kind::Constant) return constant(from.imm & mask(width));
  if (from.kind == Kind::Value && (from.op == Op::Zext || from.op == Op::Sext) && from.width >= width) return low(from.src[0], width);
  return term;
}

/// What is constant comes last, however the sum was put together.
Term Terms::add(Term a, Term b, unsigned width) {
  uint64_t sum = 0;
  for (Term* const part : {&a, &b}) {
    *part = low(*part, width);
    for (Node from = at(*part); from.kind == Kind::Value && from.op == Op::Add && from.width >= width && is_constant(from.src[1]); from = at(*part)) {
      sum += constant_of(from.src[1]);
      *part = low(from.src[0], width);
    }
  }
  if (is_constant(a)) std::swap(a, b);
  Term rest = a;
  if (is_constant(b)) sum += constant_of(b);
  else rest = node(Op::Add, width, width, std::min(a, b), std::max(a, b));
  sum &= mask(width);
  if (is_constant(rest)) return constant((constant_of(rest) + sum) & mask(width));
  return sum == 0 ? zext(rest, width) : node(Op::Add, width, width, rest, constant(sum));
}

Term Terms::lea(Term base, Term index, unsigned scale, uint64_t imm, unsigned width) {
  if (is_constant(index)) return add(base, constant((constant_of(index) << scale) + imm), width);
  if (scale == 0) return add(add(base, index, width), constant(imm), width);
  if (is_constant(base)) {
    imm += constant_of(base);
    base = zero();
  }
  return add(node(Op::Lea, width, width, low(base, width), low(index, width), 0, 0, scale), constant(imm), width);
}

/// A shift count: what is masked off does not matter.
Term Terms::count(Term term, unsigned width) {
  if (is_constant(term)) return constant(constant_of(term) & (width == 64 ? 63 : 31));
  return low(term, 8);
}

Term Terms::value(const Operation& operation) {
  const Op op = operation.op;
  const unsigned width = operation.width;
  const Term* const s = operation.src;
  const Term a = low(s[0], width), b = low(s[1], width);
  switch (op) {
    case Op::Copy:
    case Op::Zext: return zext(s[0], width);
    case Op::Sext: return sext(s[0], width);
    case Op::Add: return add(a, b, width);
    case Op::Sub:
      if (is_constant(b)) return add(a, constant(0 - constant_of(b)), width);
      return node(op, width, width, a, b);
    case Op::Inc: return add(a, constant(1), width);
    case Op::Dec: return add(a, constant(~uint64_t{0}), width);
    case Op::Lea: return lea(s[0], s[1], operation.aux, static_cast<uint64_t>(operation.imm), width);
    case Op::LeaUw: return lea(s[0], zext(s[1], 32), operation.aux, static_cast<uint64_t>(operation.imm), 64);
    case Op::Adc: return node(op, width, width, std::min(a, b), std::max(a, b), s[2]);
    case Op::Sbb: return node(op, width, width, a, b, s[2]);
    case Op::Neg: case Op::Not: case Op::Bswap: return node(op, width, width, a);
    case Op::Clz: case Op::Ctz: case Op::Popcnt: return node(op, width, 7, a);
    case Op::Shl: case Op::Shr: case Op::Sar: case Op::Rol: case Op::Ror: {
      const Term by = count(s[1], width);
      if (by == zero()) return zext(a, width);
      unsigned zero_from = width;
      if (op == Op::Shr && is_constant(by)) {
        const auto bits = std::min<uint64_t>(width, at(a).zero_from);
        zero_from = static_cast<unsigned>(bits - std::min(bits, constant_of(by)));
      }
      return node(op, width, zero_from, a, by);
    }
    case Op::Rcl: case Op::Rcr: return node(op, width, width, a, count(s[1], width), s[2]);
    case Op::Shld: case Op::Shrd: return node(op, width, width, a, b, count(s[2], width));
    case Op::ExtractH: return node(op, 64, 8, low(s[0], 16));
    case Op::OrcB: return node(op, 64, 64, s[0]);
    case Op::InsertL8: case Op::InsertH8: case Op::InsertL16: {
      const unsigned part = op == Op::InsertL16 ? 16 : 8;
      const unsigned high = op == Op::InsertL8 ? 8 : 16;
      return zext(node(op, 64, std::max<unsigned>(high, at(s[0]).zero_from), s[0], low(s[1], part)), width);
    }
    case Op::SetLtU: case Op::SetLtS: return node(op, 64, 1, s[0], s[1]);
    case Op::SetEq: case Op::SetNe: return node(op, 64, 1, std::min(s[0], s[1]), std::max(s[0], s[1]));
    case Op::SetCc: return node(op, 64, 1, s[0], 0, 0, 0, operation.aux);
    case Op::SelectCc:
    case Op::SelectNz: {
      Term yes = s[1], no = s[2];
      unsigned cond = operation.aux;
      Op select = op;
      if (op == Op::SelectNz || cond >= static_cast<unsigned>(ir::Cond::Zero)) {
        if (op == Op::SelectCc && cond == static_cast<unsigned>(ir::Cond::Zero)) std::swap(yes, no);
        select = Op::SelectNz;
        cond = 0;
      } else if (cond & 1) {
        std::swap(yes, no);
        cond &= ~1u;
      }
      if (yes == no) return zext(yes, width);
      return zext(node(select, 64, std::max(at(yes).zero_from, at(no).zero_from), s[0], yes, no, 0, cond), width);
    }
    case Op::Or:
      if (a == zero()) return zext(b, width);  // how gear 1 loads a literal
      if (b == zero()) return zext(a, width);
      return node(op, width, std::min<unsigned>(width, std::max(at(a).zero_from, at(b).zero_from)), std::min(a, b), std::max(a, b));
    case Op::And: {
      const unsigned zero_from = std::min({width, unsigned{at(a).zero_from}, unsigned{at(b).zero_from}});
      return node(op, width, zero_from, std::min(a, b), std::max(a, b));
    }
    default:
      if (commutes(op)) return node(op, width, width, std::min(a, b), std::max(a, b));
      return node(op, width, width, a, b);
  }
}

Term Terms::flags(const Operation& operation) {
  const unsigned width = operation.width;
  const ir::OpInfo& row = ir::info(operation.op);
  Node out;
  out.kind = Kind::Flags;
  out.op = operation.op;
  out.width = operation.width;
  out.zero_from = kFlagsBits;
  const bool reads_old = (row.effects & ir::kOldFlags) != 0;
  for (unsigned i = 0; i < row.sources; ++i) {
    const bool old = reads_old && i + 1u == row.sources;
    out.src[i] = old ? operation.src[i] : low(operation.src[i], width);
  }
  if (is_shift(operation.op)) out.src[1] = count(operation.src[1], width);
  if (operation.op == Op::Shld || operation.op == Op::Shrd) out.src[2] = count(operation.src[2], width);
  if (commutes(operation.op) && out.src[0] > out.src[1]) std::swap(out.src[0], out.src[1]);
  return intern(out);
}

Terms::Test Terms::condition(unsigned cond, Term flags) {
  return {node(Op::SetCc, 64, 1, flags, 0, 0, 0, cond & ~1u), (cond & 1) != 0};
}

Terms::Test Terms::not_zero(Term term) {
  const Node from = at(term);
  if (from.kind != Kind::Value) return {term, false};
  if (from.op == Op::SetCc) return condition(from.aux, from.src[0]);
  if (from.op != Op::SetEq && from.op != Op::SetNe) return {term, false};
  const bool equal = from.op == Op::SetEq;
  for (unsigned i = 0; i < 2; ++i) {
    if (from.src[i] != zero()) continue;
    const Test other = not_zero(from.src[1 - i]);  // x == 0
    return equal ? negated(other) : other;
  }
  return {node(Op::SetEq, 64, 1, from.src[0], from.src[1]), !equal};
}

Terms::Sum Terms::sum(Term term, unsigned width) {
  uint64_t offset = 0;
  for (;;) {
    term = low(term, width);
    const Node from = at(term);
    if (from.kind == Kind::Constant) return {zero(), static_cast<int64_t>(sign_extend(offset + from.imm, width))};
    if (from.kind != Kind::Value || from.op != Op::Add || from.width < width || !is_constant(from.src[1])) break;
    offset += constant_of(from.src[1]);
    term = from.src[0];
  }
  return {term, static_cast<int64_t>(sign_extend(offset, width))};
}

std::string Terms::text(Term term, unsigned depth) const {
  const Node& from = at(term);
  switch (from.kind) {
    case Kind::Constant: {
      const auto value = static_cast<int64_t>(from.imm);
      if (value > -1024 && value < 1024) return std::to_string(value);
      static constexpr char kDigits[] = "0123456789abcdef";
      std::string out;
      for (uint64_t left = from.imm; left != 0; left >>= 4) out.insert(out.begin(), kDigits[left & 15]);
      return "0x" + out;
    }
    case Kind::Leaf: return source_name(from.source) + std::to_string(from.imm);
    default: break;
  }
  if (depth == 0) return "...";
  std::string out = (from.kind == Kind::Flags ? "flags of " : "") + std::string(ir::info(from.op).text) + "." + std::to_string(from.width) + "(";
  const unsigned sources = ir::info(from.op).sources;
  for (unsigned i = 0; i < sources; ++i) out += (i == 0 ? "" : ", ") + text(from.src[i], depth - 1);
  return out + ")";
}

}  // namespace chrysalis::translator::checking
