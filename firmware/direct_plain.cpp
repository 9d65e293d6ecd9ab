// The plain form's micro-operations, direct threaded.
#include <array>
#include <utility>

#include "firmware/fast_forms.h"
#include "firmware/semantics.h"
#include "firmware/threaded.h"

namespace chrysalis::fw {
namespace {

template <uint16_t code>
constexpr Handler plain_handler() {
  if constexpr (code >= kUopEnd) {
    return branching_handler<DirectThreading, execute_other<code>>;
  } else {
    constexpr ir::Op op = static_cast<ir::Op>(code / 4);
    constexpr unsigned width = 8u << (code % 4);
    if constexpr (!is_form(op, width)) return nullptr;
    else if constexpr (branches(op)) return branching_handler<DirectThreading, execute<op, width>>;
    else return straight_handler<DirectThreading, execute<op, width>>;
  }
}

template <size_t... code>
constexpr std::array<Handler, kUopCount> make_table(std::index_sequence<code...>) {
  return {plain_handler<code>()...};
}

constexpr std::array<Handler, kUopCount> kPlain = make_table(std::make_index_sequence<kUopCount>());

}  // namespace

Handler find_plain(uint16_t code) { return kPlain[code]; }

}  // namespace chrysalis::fw
