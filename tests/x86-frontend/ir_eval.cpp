#include "tests/x86-frontend/ir_eval.h"

#include <bit>
#include <cstdio>
#include <cstdlib>

namespace chrysalis::test {

using ir::Cond;
using ir::Inst;
using ir::Op;
using ir::ValueId;

namespace {

enum : uint64_t { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800, AllFlags = CF | PF | AF | ZF | SF | OF };

uint64_t mask(unsigned w) { return w == 64 ? ~uint64_t{0} : (uint64_t{1} << w) - 1; }
uint64_t top(uint64_t v, unsigned w) { return (v >> (w - 1)) & 1; }
int64_t sext(uint64_t v, unsigned w) { return static_cast<int64_t>(v << (64 - w)) >> (64 - w); }
uint64_t when(bool condition, uint64_t flag) { return condition ? flag : 0; }

uint64_t result_flags(uint64_t r, unsigned w) {
  return when(top(r, w), SF) | when((r & mask(w)) == 0, ZF) | when(std::popcount(r & 0xff) % 2 == 0, PF);
}

bool holds(Cond cond, uint64_t v) {
  switch (cond) {
    case Cond::Zero: return v == 0;
    case Cond::NonZero: return v != 0;
    default: break;
  }
  const auto c = static_cast<unsigned>(cond);
  const bool sf = v & SF, of = v & OF;
  bool truth = false;
  switch (c >> 1) {
    case 0: truth = of; break;
    case 1: truth = v & CF; break;
    case 2: truth = v & ZF; break;
    case 3: truth = v & (CF | ZF); break;
    case 4: truth = sf; break;
    case 5: truth = v & PF; break;
    case 6: truth = sf != of; break;
    case 7: truth = (v & ZF) || sf != of; break;
  }
  return truth != ((c & 1) != 0);
}

struct Pair {
  uint64_t value = 0, flags = 0;
};

Pair add(uint64_t a, uint64_t b, bool carry, unsigned w) {
  a &= mask(w), b &= mask(w);
  const unsigned __int128 wide = static_cast<unsigned __int128>(a) + b + carry;
  const uint64_t r = static_cast<uint64_t>(wide) & mask(w);
  return {r, result_flags(r, w) | when((wide >> w) != 0, CF) | when(((a ^ b ^ r) & 0x10) != 0, AF) |
                 when(top((a ^ r) & (b ^ r), w), OF)};
}

Pair sub(uint64_t a, uint64_t b, bool borrow, unsigned w) {
  a &= mask(w), b &= mask(w);
  const uint64_t r = (a - b - borrow) & mask(w);
  const bool carry = static_cast<unsigned __int128>(a) < static_cast<unsigned __int128>(b) + borrow;
  return {r, result_flags(r, w) | when(carry, CF) | when(((a ^ b ^ r) & 0x10) != 0, AF) |
                 when(top((a ^ b) & (a ^ r), w), OF)};
}

/// Flags of a shift: those in `defined` from `flags`, the others from `old`.
uint64_t merge(uint64_t old, uint64_t flags, uint64_t defined) { return (flags & defined) | (old & AllFlags & ~defined); }

Pair shift(Op op, uint64_t a, uint64_t raw_count, uint64_t old, unsigned w) {
  const unsigned count = raw_count & (w == 64 ? 63 : 31);
  a &= mask(w);
  if (count == 0) return {a, old & AllFlags};
  uint64_t r = a;
  bool carry = false;
  for (unsigned i = 0; i < count; ++i) {
    if (op == Op::Shl) {
      carry = top(r, w);
      r = (r << 1) & mask(w);
    } else {
      carry = r & 1;
      r = (r >> 1) | (op == Op::Sar ? (a & (uint64_t{1} << (w - 1))) : 0);
    }
  }
  const bool overflow = op == Op::Shl ? top(r, w) != carry : op == Op::Shr ? top(a, w) : false;
  uint64_t defined = CF | PF | ZF | SF;
  if (count == 1) defined |= OF;
  if (op != Op::Sar && count >= w) defined &= ~CF;
  return {r, merge(old, result_flags(r, w) | when(carry, CF) | when(overflow, OF), defined)};
}

Pair rotate(Op op, uint64_t a, uint64_t raw_count, uint64_t old, unsigned w) {
  const unsigned masked = raw_count & (w == 64 ? 63 : 31);
  const bool through_carry = op == Op::Rcl || op == Op::Rcr;
  const unsigned count = through_carry && w < 32 ? masked % (w + 1) : masked;
  a &= mask(w);
  if (count == 0) return {a, old & AllFlags};
  bool carry = old & CF;
  uint64_t r = a;
  for (unsigned i = 0; i < count; ++i) {
    if (op == Op::Rol || op == Op::Rcl) {
      const bool out = top(r, w);
      r = ((r << 1) | (op == Op::Rol ? out : carry)) & mask(w);
      carry = out;
    } else {
      const bool out = r & 1;
      r = (r >> 1) | (static_cast<uint64_t>(op == Op::Ror ? out : carry) << (w - 1));
      carry = out;
    }
  }
  const bool overflow = op == Op::Rol || op == Op::Rcl ? top(r, w) != carry : top(r, w) != top(r << 1, w);
  return {r, merge(old, when(carry, CF) | when(overflow, OF), masked == 1 ? CF | OF : CF)};
}

Pair double_shift(Op op, uint64_t a, uint64_t fill, uint64_t raw_count, uint64_t old, unsigned w) {
  const unsigned count = raw_count & (w == 64 ? 63 : 31);
  a &= mask(w), fill &= mask(w);
  if (count == 0) return {a, old & AllFlags};
  if (count > w) return {a, old & AllFlags};  // undefined altogether
  uint64_t r = a;
  bool carry = false;
  for (unsigned i = 0; i < count; ++i) {
    if (op == Op::Shld) {
      carry = top(r, w);
      r = ((r << 1) | top(fill << i, w)) & mask(w);
    } else {
      carry = r & 1;
      r = (r >> 1) | (((fill >> i) & 1) << (w - 1));
    }
  }
  return {r, merge(old, result_flags(r, w) | when(carry, CF) | when(top(a ^ r, w), OF),
                   CF | PF | ZF | SF | when(count == 1, OF))};
}

uint64_t multiply_flags(bool fits) { return fits ? 0 : CF | OF; }

Pair evaluate_pure(const Inst& i, const uint64_t (&s)[4]) {
  const unsigned w = i.width;
  const uint64_t m = mask(w), a = s[0] & m, b = s[1] & m;
  const int64_t sa = sext(a, w), sb = sext(b, w);
  const bool minimum_by_minus_one = sb == -1 && a == uint64_t{1} << (w - 1);
  auto logic = [&](uint64_t r) { return Pair{r & m, result_flags(r & m, w)}; };
  switch (i.op) {
    case Op::Const: return {static_cast<uint64_t>(i.imm)};
    case Op::Copy: return {s[0]};
    case Op::Add: return add(a, b, false, w);
    case Op::Sub: return sub(a, b, false, w);
    case Op::Adc: return add(a, b, s[2] & CF, w);
    case Op::Sbb: return sub(a, b, s[2] & CF, w);
    case Op::And: return logic(a & b);
    case Op::Or: return logic(a | b);
    case Op::Xor: return logic(a ^ b);
    case Op::AndNot: return {a & ~b & m};
    case Op::OrNot: return {(a | ~b) & m};
    case Op::XorNot: return {~(a ^ b) & m};
    case Op::Inc: { const Pair p = add(a, 1, false, w); return {p.value, merge(s[1], p.flags, AllFlags & ~CF)}; }
    case Op::Dec: { const Pair p = sub(a, 1, false, w); return {p.value, merge(s[1], p.flags, AllFlags & ~CF)}; }
    case Op::Neg: return sub(0, a, false, w);
    case Op::Not: return {~a & m};
    case Op::Shl: case Op::Shr: case Op::Sar: return shift(i.op, a, s[1], s[2], w);
    case Op::Rol: case Op::Ror: case Op::Rcl: case Op::Rcr: return rotate(i.op, a, s[1], s[2], w);
    case Op::Shld: case Op::Shrd: return double_shift(i.op, a, b, s[2], s[3], w);
    case Op::Bt: case Op::Bts: case Op::Btr: case Op::Btc: {
      const uint64_t bit = uint64_t{1} << (s[1] & (w - 1));
      const uint64_t r = i.op == Op::Bts ? a | bit : i.op == Op::Btr ? a & ~bit : a ^ bit;
      return {r, merge(s[2], when(a & bit, CF), CF)};
    }
    case Op::Bsf: return {a ? std::countr_zero(a) : s[1] & m, merge(s[2], when(a == 0, ZF), ZF)};
    case Op::Bsr: return {a ? 63 - std::countl_zero(a) : s[1] & m, merge(s[2], when(a == 0, ZF), ZF)};
    case Op::Clz: return {static_cast<uint64_t>(std::countl_zero(a)) - (64 - w)};
    case Op::Ctz: return {a ? static_cast<uint64_t>(std::countr_zero(a)) : w};
    case Op::Popcnt: return {static_cast<uint64_t>(std::popcount(a))};
    case Op::Bswap: return {__builtin_bswap64(a) >> (64 - w)};
    case Op::MulLow: return {(a * b) & m};
    case Op::MulFlagsU: return {0, multiply_flags(((static_cast<unsigned __int128>(a) * b) >> w) == 0)};
    case Op::MulFlagsS: {
      const __int128 p = static_cast<__int128>(sa) * sb;
      return {0, multiply_flags(p == sext(static_cast<uint64_t>(p), w))};
    }
    case Op::MulHighU: return {static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> w) & m};
    case Op::MulHighS: return {static_cast<uint64_t>((static_cast<__int128>(sa) * sb) >> w) & m};
    case Op::MulHighSU: return {static_cast<uint64_t>((static_cast<__int128>(sa) * b) >> w) & m};
    case Op::DivU: return {b ? a / b : m};
    case Op::RemU: return {b ? a % b : a};
    case Op::DivS: return {b == 0 ? m : minimum_by_minus_one ? a : static_cast<uint64_t>(sa / sb) & m};
    case Op::RemS: return {b == 0 ? a : minimum_by_minus_one ? 0 : static_cast<uint64_t>(sa % sb) & m};
    case Op::MinU: return {a < b ? a : b};
    case Op::MaxU: return {a > b ? a : b};
    case Op::MinS: return {sa < sb ? a : b};
    case Op::MaxS: return {sa > sb ? a : b};
    case Op::Lea: return {(s[0] + (s[1] << i.aux) + static_cast<uint64_t>(i.imm)) & m};
    case Op::LeaUw: return {s[0] + ((s[1] & 0xffffffff) << i.aux)};
    case Op::Zext: return {a};
    case Op::Sext: return {static_cast<uint64_t>(sa)};
    case Op::ExtractH: return {(s[0] >> 8) & 0xff};
    case Op::InsertL8: return {(s[0] & ~uint64_t{0xff}) | (s[1] & 0xff)};
    case Op::InsertH8: return {(s[0] & ~uint64_t{0xff00}) | ((s[1] & 0xff) << 8)};
    case Op::InsertL16: return {(s[0] & ~uint64_t{0xffff}) | (s[1] & 0xffff)};
    case Op::SetLtU: return {s[0] < s[1]};
    case Op::SetLtS: return {static_cast<int64_t>(s[0]) < static_cast<int64_t>(s[1])};
    case Op::SetEq: return {s[0] == s[1]};
    case Op::SetNe: return {s[0] != s[1]};
    case Op::SetCc: return {holds(i.cond, s[0])};
    case Op::SelectCc: return {holds(i.cond, s[0]) ? s[1] : s[2]};
    case Op::SelectNz: return {s[0] ? s[1] : s[2]};
    default:
      std::fprintf(stderr, "ir_eval: operation %s has no place in lifted x86 code\n", ir::info(i.op).text);
      std::abort();
  }
}

}  // namespace

EvalResult evaluate(const ir::Code& code, Machine& machine, Environment& environment, StoreLog& log) {
  const Machine before = machine;
  std::vector<uint64_t> value(code.next_value);
  log.clear();
  EvalResult result;
  auto fault = [&](const Fault& f) {
    result.stored_before_fault = !log.entries().empty();
    log.undo();
    log.clear();
    machine = before;
    result.kind = EvalResult::Faulted;
    result.fault = f;
    return result;
  };
  for (const Inst& i : code.insts) {
    uint64_t s[4];
    for (unsigned n = 0; n < 4; ++n) s[n] = i.src[n] == ir::kNoValue ? 0 : value[i.src[n]];
    auto define = [&](Pair p) {
      if (i.value != ir::kNoValue) value[i.value] = p.value;
      if (i.flags != ir::kNoValue) value[i.flags] = p.flags;
    };
    const auto address = static_cast<uint32_t>(s[0] + static_cast<uint64_t>(i.imm));
    const unsigned bytes = i.width / 8;
    uint8_t* at[8];
    Fault f;
    switch (i.op) {
      case Op::GetReg: define({machine.reg[i.aux]}); break;
      case Op::SetReg: machine.reg[i.aux] = i.aux < 8 ? static_cast<uint32_t>(s[0]) : s[0]; break;
      case Op::Load: case Op::LoadS: case Op::Store: case Op::ProbeWrite: {
        const bool write = i.op == Op::Store || i.op == Op::ProbeWrite;
        environment.note_access(address, bytes);
        for (unsigned n = 0; n < bytes; ++n) {
          if (!(at[n] = environment.byte(address + n, write, f))) return fault(f);
        }
        if (i.op == Op::Store) {
          for (unsigned n = 0; n < bytes; ++n) log.write(at[n], static_cast<uint8_t>(s[1] >> (8 * n)));
        } else if (!write) {
          uint64_t v = 0;
          for (unsigned n = 0; n < bytes; ++n) v |= static_cast<uint64_t>(*at[n]) << (8 * n);
          define({i.op == Op::LoadS ? static_cast<uint64_t>(sext(v, i.width)) : v});
        }
        break;
      }
      case Op::ExitIf:
        if (!holds(i.cond, s[0])) break;
        [[fallthrough]];
      case Op::Exit: case Op::ExitInd:
        result.kind = EvalResult::Exited;
        result.target = i.op == Op::ExitInd ? static_cast<uint32_t>(s[0]) : static_cast<uint32_t>(i.imm);
        result.exit = static_cast<ir::ExitKind>(i.aux);
        return result;
      case Op::TrapIf:
        if (!holds(i.cond, s[0])) break;
        [[fallthrough]];
      case Op::Trap: return fault({i.aux, static_cast<uint32_t>(i.imm), 0});
      case Op::SoftInt:
        result.kind = EvalResult::Interrupted;
        result.fault.vector = i.aux;
        result.fault.error = static_cast<uint32_t>(i.imm);
        return result;
      case Op::Helper: {
        const Environment::HelperResult h = environment.helper(static_cast<uint32_t>(i.imm), s, machine, log);
        if (!h.ok) return fault(h.fault);
        define({h.value, h.flags});
        break;
      }
      default: define(evaluate_pure(i, s));
    }
  }
  return result;
}

}  // namespace chrysalis::test
