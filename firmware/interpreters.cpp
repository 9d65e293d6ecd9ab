// The three interpreters' loops over the same semantics (semantics.h).
#include <array>
#include <utility>

#include "firmware/monitor.h"
#include "firmware/panic.h"
#include "firmware/semantics.h"
#include "firmware/threaded.h"

namespace chrysalis::fw {
namespace {

template <uint16_t code>
FW_INLINE const Uop* execute_code(const Uop* u, char* base) {
  if constexpr (code >= kUopEnd) {
    return execute_other<code>(u, base);
  } else {
    constexpr ir::Op op = static_cast<ir::Op>(code / 4);
    return execute<op, 8u << (code % 4)>(u, base);
  }
}
constexpr bool is_valid(uint16_t code) {
  return code >= kUopEnd || is_form(static_cast<ir::Op>(code / 4), 8u << (code % 4));
}

// -- indirect threaded: the end of each handler looks up the next one in a table -----------------------------

extern const std::array<Handler, kUopCount> kIndirect;

struct IndirectThreading {
  static FW_INLINE Handler handler(const Uop* u) { return kIndirect[u->code]; }
};

template <uint16_t code>
constexpr Handler indirect_handler() {
  if constexpr (!is_valid(code)) return nullptr;
  else if constexpr (code >= kUopEnd || branches(static_cast<ir::Op>(code / 4))) return branching_handler<IndirectThreading, execute_code<code>>;
  else return straight_handler<IndirectThreading, execute_code<code>>;
}
template <size_t... code>
constexpr std::array<Handler, kUopCount> indirect_table(std::index_sequence<code...>) {
  return {indirect_handler<code>()...};
}
constexpr std::array<Handler, kUopCount> kIndirect = indirect_table(std::make_index_sequence<kUopCount>());

}  // namespace

void run_indirect(const Uop* first, char* base) { run_threaded<IndirectThreading>(first, base); }
void run_direct(const Uop* first, char* base) { run_threaded<DirectThreading>(first, base); }

// -- decode and dispatch: one central switch -----------------------------------------------------------------

void run_switch(const Uop* u, char* base) {
  while (u != nullptr) {
    switch (u->code) {
#define FW_CASE(op, width)                                                                       \
  case uop_code(ir::Op::op, width):                                                              \
    if constexpr (is_form(ir::Op::op, width)) u = execute<ir::Op::op, width>(u, base);           \
    else panic("no such micro-operation", 0);                                                    \
    break;
#define IR_OP(op, text, sources, results, effects) FW_CASE(op, 8) FW_CASE(op, 16) FW_CASE(op, 32) FW_CASE(op, 64)
#include "translator/ir/ops.def"
#undef IR_OP
#undef FW_CASE
      case kUopEnd: u = execute_other<kUopEnd>(u, base); break;
      case kUopPoll: u = execute_other<kUopPoll>(u, base); break;
      case kUopHead: u = execute_other<kUopHead>(u, base); break;
      case kUopJump: u = execute_other<kUopJump>(u, base); break;
      case kUopRepeat: u = execute_other<kUopRepeat>(u, base); break;
      case kUopRepeatIf: u = execute_other<kUopRepeatIf>(u, base); break;
      case kUopUnlinked: u = execute_other<kUopUnlinked>(u, base); break;
      case kUopLeave: u = execute_other<kUopLeave>(u, base); break;
      case kUopCommit: u = execute_other<kUopCommit>(u, base); break;
      default: panic("no such micro-operation", 0);
    }
  }
}

}  // namespace chrysalis::fw
