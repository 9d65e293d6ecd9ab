#include "firmware/fast_forms.h"

#include <array>
#include <utility>

#include "firmware/semantics.h"
#include "firmware/threaded.h"

namespace chrysalis::fw {
namespace {

using ir::Op;

template <bool end>
FW_INLINE void finish() {
  if constexpr (end) host::commit<1>();
}

template <auto body_middle, auto body_end>
constexpr FormPair pair() {
  return {straight_handler<DirectThreading, body_middle>, straight_handler<DirectThreading, body_end>};
}

// -- arithmetic ----------------------------------------------------------------------------------------

constexpr bool keeps_old_flags(Op op) { return (ir::info(op).effects & ir::kOldFlags) != 0; }
/// Sources that are not the old flags image.
constexpr unsigned data_sources(Op op) { return ir::info(op).sources - (keeps_old_flags(op) ? 1 : 0); }

template <Op op, unsigned width, bool flags>
FW_INLINE uint64_t evaluate(uint64_t a, uint64_t b, uint64_t old) {
  if constexpr (data_sources(op) == 1) {
    if constexpr (flags) return host::flags<op, width>(a, old);
    else return host::value<op, width>(a, old);
  } else {
    if constexpr (flags) return host::flags<op, width>(a, b, old);
    else return host::value<op, width>(a, b, old);
  }
}

/// True if the value depends on the old flags image, too.
constexpr bool value_reads_flags(Op op) { return op == Op::Adc || op == Op::Sbb; }

template <Op op, unsigned width, Deliver deliver>
FW_INLINE void compute(char* base, uint16_t d, uint64_t a, uint64_t b) {
  constexpr bool old = keeps_old_flags(op) && (deliver != Deliver::Value || value_reads_flags(op));
  const uint64_t image = old ? slot(base, kSlotFlags) : 0;
  if constexpr (deliver != Deliver::Flags) {
    const uint64_t result = evaluate<op, width, false>(a, b, image);
    if constexpr (deliver == Deliver::Both) slot(base, kSlotFlags) = evaluate<op, width, true>(a, b, image);
    slot(base, d) = result;
  } else {
    slot(base, kSlotFlags) = evaluate<op, width, true>(a, b, image);
  }
}

template <Op op, unsigned width, Deliver deliver, bool immediate, bool end>
FW_INLINE void alu(const Uop* u, char* base) {
  const uint64_t a = slot(base, u->a);
  const uint64_t b = immediate ? static_cast<uint64_t>(static_cast<int64_t>(u->imm)) : data_sources(op) > 1 ? slot(base, u->b) : 0;
  compute<op, width, deliver>(base, u->d, a, b);
  finish<end>();
}

constexpr bool has_flags(Op op) { return ir::info(op).results == ir::Results::VF; }

template <Op op, unsigned width, Deliver deliver, bool immediate>
constexpr FormPair alu_pair() {
  if constexpr ((immediate && data_sources(op) < 2) || (deliver != Deliver::Value && !has_flags(op))) return {};
  else return pair<alu<op, width, deliver, immediate, false>, alu<op, width, deliver, immediate, true>>();
}

/// All forms of one operation at one width: [deliver][immediate].
struct AluForms {
  FormPair form[3][2];
};
template <Op op, unsigned width>
constexpr AluForms alu_forms() {
  return {{{alu_pair<op, width, Deliver::Value, false>(), alu_pair<op, width, Deliver::Value, true>()},
           {alu_pair<op, width, Deliver::Flags, false>(), alu_pair<op, width, Deliver::Flags, true>()},
           {alu_pair<op, width, Deliver::Both, false>(), alu_pair<op, width, Deliver::Both, true>()}}};
}
template <Op op, unsigned width>
constexpr AluForms flags_forms() {
  return {{{}, {alu_pair<op, width, Deliver::Flags, false>(), alu_pair<op, width, Deliver::Flags, true>()}, {}}};
}

struct AluRow {
  Op op;
  uint8_t width;
  AluForms forms;
};

// 32 bits in full; of the narrow ones what compilers emit often: comparisons, and parts of registers.
constexpr AluRow kAlu[] = {
    {Op::Add, 32, alu_forms<Op::Add, 32>()},
    {Op::Sub, 32, alu_forms<Op::Sub, 32>()},
    {Op::And, 32, alu_forms<Op::And, 32>()},
    {Op::Or, 32, alu_forms<Op::Or, 32>()},
    {Op::Xor, 32, alu_forms<Op::Xor, 32>()},
    {Op::Adc, 32, alu_forms<Op::Adc, 32>()},
    {Op::Sbb, 32, alu_forms<Op::Sbb, 32>()},
    {Op::Shl, 32, alu_forms<Op::Shl, 32>()},
    {Op::Shr, 32, alu_forms<Op::Shr, 32>()},
    {Op::Sar, 32, alu_forms<Op::Sar, 32>()},
    {Op::Rol, 32, alu_forms<Op::Rol, 32>()},
    {Op::Ror, 32, alu_forms<Op::Ror, 32>()},
    {Op::Inc, 32, alu_forms<Op::Inc, 32>()},
    {Op::Dec, 32, alu_forms<Op::Dec, 32>()},
    {Op::Neg, 32, alu_forms<Op::Neg, 32>()},
    {Op::Not, 32, alu_forms<Op::Not, 32>()},
    {Op::Bswap, 32, alu_forms<Op::Bswap, 32>()},
    {Op::MulLow, 32, alu_forms<Op::MulLow, 32>()},
    {Op::Sub, 8, flags_forms<Op::Sub, 8>()},
    {Op::And, 8, flags_forms<Op::And, 8>()},
    {Op::Sub, 16, flags_forms<Op::Sub, 16>()},
    {Op::And, 16, flags_forms<Op::And, 16>()},
    {Op::InsertL8, 32, alu_forms<Op::InsertL8, 32>()},
    {Op::InsertH8, 32, alu_forms<Op::InsertH8, 32>()},
    {Op::InsertL16, 32, alu_forms<Op::InsertL16, 32>()},
    {Op::ExtractH, 32, alu_forms<Op::ExtractH, 32>()},
    {Op::Zext, 8, alu_forms<Op::Zext, 8>()},
    {Op::Zext, 16, alu_forms<Op::Zext, 16>()},
    {Op::Zext, 32, alu_forms<Op::Zext, 32>()},
    {Op::Sext, 8, alu_forms<Op::Sext, 8>()},
    {Op::Sext, 16, alu_forms<Op::Sext, 16>()},
};

/// Operations whose row stands for every width.
constexpr bool any_width(Op op) {
  return op == Op::InsertL8 || op == Op::InsertH8 || op == Op::InsertL16 || op == Op::ExtractH;
}

constexpr uint8_t kNoRow = 0xff;
/// Row of kAlu by uop_code().
constexpr auto kAluIndex = [] {
  std::array<uint8_t, kUopCount> index{};
  for (uint8_t& row : index) row = kNoRow;
  for (uint8_t row = 0; row < sizeof kAlu / sizeof kAlu[0]; ++row) {
    for (const unsigned width : {8u, 16u, 32u, 64u}) {
      if (width == kAlu[row].width || any_width(kAlu[row].op)) index[uop_code(kAlu[row].op, width)] = row;
    }
  }
  return index;
}();

// -- memory ----------------------------------------------------------------------------------------------

template <Address form>
FW_INLINE uint64_t address_of(const Uop* u, char* base, uint16_t base_slot, uint16_t index_slot) {
  const uint64_t address = slot(base, base_slot) + static_cast<int64_t>(u->imm);
  if constexpr (form == Address::Base) return address;
  else return address + (slot(base, index_slot) << (static_cast<unsigned>(form) - 1));
}

template <Op op, unsigned width, Address form, bool end>
FW_INLINE void load(const Uop* u, char* base) {
  const uint64_t address = address_of<form>(u, base, u->a, u->b);
  scratch(base).current = u;
  uint64_t data;
  // MOVSX to 32 bits is the only signed load that instructions make: the register receives 32 bits.
  if constexpr (op == Op::LoadS) data = host::value<Op::Zext, 32>(host::guest_load_signed<width>(address));
  else data = host::guest_load<width>(address);
  slot(base, u->d) = data;
  finish<end>();
}

template <unsigned width, Address form, bool end>
FW_INLINE void load_for_write(const Uop* u, char* base) {
  const uint64_t address = address_of<form>(u, base, u->a, u->b);
  scratch(base).current = u;
  host::guest_probe_write<width>(address);
  slot(base, u->d) = host::guest_load<width>(address);
  finish<end>();
}

template <unsigned width, Address form, bool end>
FW_INLINE void store(const Uop* u, char* base) {
  const uint64_t address = address_of<form>(u, base, u->a, u->b), data = slot(base, u->d);
  scratch(base).current = u;
  host::guest_store<width>(address, data);
  finish<end>();
}

template <unsigned width, bool end>
FW_INLINE void store_constant(const Uop* u, char* base) {
  const uint64_t address = slot(base, u->a) + static_cast<int64_t>(u->imm);
  scratch(base).current = u;
  host::guest_store<width>(address, u->d | uint64_t{u->b} << 16);
  finish<end>();
}

template <Op op, Deliver deliver, Address form, bool end>
FW_INLINE void alu_load(const Uop* u, char* base) {
  const uint64_t address = address_of<form>(u, base, u->b, u->f);
  scratch(base).current = u;
  const uint64_t data = host::guest_load<32>(address);
  compute<op, 32, deliver>(base, u->d, slot(base, u->a), data);
  finish<end>();
}

template <Address form, bool end>
FW_INLINE void lea(const Uop* u, char* base) {
  slot(base, u->d) = host::value<Op::Zext, 32>(address_of<form>(u, base, u->a, u->b));
  finish<end>();
}

/// One FormPair per Address.
struct ByAddress {
  FormPair form[5];
  constexpr FormPair at(Address address) const { return form[static_cast<unsigned>(address)]; }
};
#define FW_BY_ADDRESS(body, ...)                                                                               \
  ByAddress {                                                                                                  \
    {                                                                                                          \
      pair<body<__VA_ARGS__ Address::Base, false>, body<__VA_ARGS__ Address::Base, true>>(),                   \
          pair<body<__VA_ARGS__ Address::Index1, false>, body<__VA_ARGS__ Address::Index1, true>>(),           \
          pair<body<__VA_ARGS__ Address::Index2, false>, body<__VA_ARGS__ Address::Index2, true>>(),           \
          pair<body<__VA_ARGS__ Address::Index4, false>, body<__VA_ARGS__ Address::Index4, true>>(),           \
          pair<body<__VA_ARGS__ Address::Index8, false>, body<__VA_ARGS__ Address::Index8, true>>(),           \
    }                                                                                                          \
  }
#define FW_WITH(...) __VA_ARGS__,

struct MemoryRow {
  Op op;
  uint8_t width;
  ByAddress forms;
};
constexpr MemoryRow kMemory[] = {
    {Op::Load, 8, FW_BY_ADDRESS(load, FW_WITH(Op::Load, 8))},
    {Op::Load, 16, FW_BY_ADDRESS(load, FW_WITH(Op::Load, 16))},
    {Op::Load, 32, FW_BY_ADDRESS(load, FW_WITH(Op::Load, 32))},
    {Op::Store, 8, FW_BY_ADDRESS(store, FW_WITH(8))},
    {Op::Store, 16, FW_BY_ADDRESS(store, FW_WITH(16))},
    {Op::Store, 32, FW_BY_ADDRESS(store, FW_WITH(32))},
    {Op::ProbeWrite, 8, FW_BY_ADDRESS(load_for_write, FW_WITH(8))},
    {Op::ProbeWrite, 16, FW_BY_ADDRESS(load_for_write, FW_WITH(16))},
    {Op::ProbeWrite, 32, FW_BY_ADDRESS(load_for_write, FW_WITH(32))},
};
constexpr ByAddress kLea = FW_BY_ADDRESS(lea, );

FormPair find_memory(Op op, unsigned width, Address address) {
  for (const MemoryRow& row : kMemory) {
    if (row.op == op && row.width == width) return row.forms.at(address);
  }
  return {};
}

struct AluLoadRow {
  Op op;
  ByAddress forms[3];
};
#define FW_ALU_LOAD(name)                                                \
  {                                                                      \
    Op::name, {                                                          \
      FW_BY_ADDRESS(alu_load, FW_WITH(Op::name, Deliver::Value)),        \
          FW_BY_ADDRESS(alu_load, FW_WITH(Op::name, Deliver::Flags)),    \
          FW_BY_ADDRESS(alu_load, FW_WITH(Op::name, Deliver::Both)),     \
    }                                                                    \
  }
constexpr AluLoadRow kAluLoad[] = {FW_ALU_LOAD(Add), FW_ALU_LOAD(Sub), FW_ALU_LOAD(And), FW_ALU_LOAD(Or), FW_ALU_LOAD(Xor)};

// -- moves and exits ---------------------------------------------------------------------------------------

template <bool end>
FW_INLINE void move(const Uop* u, char* base) {
  slot(base, u->d) = slot(base, u->a);
  finish<end>();
}
template <bool end>
FW_INLINE void constant(const Uop* u, char* base) {
  slot(base, u->d) = u->wide;
  finish<end>();
}

template <ir::Cond cond, bool end>
FW_INLINE const Uop* exit_if(const Uop* u, char* base) {
  constexpr bool of_value = cond == ir::Cond::Zero || cond == ir::Cond::NonZero;
  bool taken;
  if constexpr (of_value) taken = condition(cond, slot(base, u->c));
  else taken = host::holds<cond>(slot(base, kSlotFlags)) != 0;
  if constexpr (end) host::commit<1>();
  if (taken) {
    if constexpr (!end) host::commit<1>();
    return follow_counted(u, base);
  }
  return u + 1;
}

constexpr unsigned kConds = static_cast<unsigned>(ir::Cond::NonZero) + 1;
template <unsigned... cond>
constexpr std::array<FormPair, kConds> exit_table(std::integer_sequence<unsigned, cond...>) {
  return {FormPair{branching_handler<DirectThreading, exit_if<static_cast<ir::Cond>(cond), false>>,
                   branching_handler<DirectThreading, exit_if<static_cast<ir::Cond>(cond), true>>}...};
}
constexpr std::array<FormPair, kConds> kExitIf = exit_table(std::make_integer_sequence<unsigned, kConds>());

}  // namespace

FormPair find_alu(Op op, unsigned width, Deliver deliver, bool immediate) {
  const uint8_t row = kAluIndex[uop_code(op, width)];
  return row == kNoRow ? FormPair{} : kAlu[row].forms.form[static_cast<unsigned>(deliver)][immediate];
}

FormPair find_alu_load(Op op, Deliver deliver, Address address) {
  for (const AluLoadRow& row : kAluLoad) {
    if (row.op == op) return row.forms[static_cast<unsigned>(deliver)].at(address);
  }
  return {};
}

FormPair find_load(Op op, unsigned width, Address address) { return find_memory(op, width, address); }
FormPair find_store(unsigned width, Address address) { return find_memory(Op::Store, width, address); }
FormPair find_load_for_write(unsigned width, Address address) { return find_memory(Op::ProbeWrite, width, address); }

FormPair find_store_constant(unsigned width) {
  switch (width) {
    case 8: return pair<store_constant<8, false>, store_constant<8, true>>();
    case 16: return pair<store_constant<16, false>, store_constant<16, true>>();
    case 32: return pair<store_constant<32, false>, store_constant<32, true>>();
    default: return {};
  }
}

FormPair find_lea(Address address) { return kLea.at(address); }
FormPair find_move() { return pair<move<false>, move<true>>(); }
FormPair find_constant() { return pair<constant<false>, constant<true>>(); }
FormPair find_exit_if(ir::Cond cond) { return kExitIf[static_cast<unsigned>(cond)]; }

}  // namespace chrysalis::fw
