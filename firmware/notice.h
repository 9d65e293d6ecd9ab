// What the firmware tells whoever watches it: what becomes of guest code.
//
// It always tells, whether or not somebody listens, so that a run that is watched is the same, cycle by cycle, as one
// that is not. Notices are plain data in concealed memory; they are valid while the platform serves Service::Notice.
#pragma once

#include <cstdint>

#include "firmware/abi.h"

namespace chrysalis::fw {

/// NOTICE(Name, "name", "meaning, and which fields beyond kind and eip it has")
#define CHRYSALIS_NOTICES(NOTICE)                                                                                  \
  NOTICE(Translating, "translating", "the translator begins: gear")                                                \
  NOTICE(Formed, "formed", "gears 2 and 3: a part's regions are there, before any pass: gear, code, formed") \
  NOTICE(Installed, "installed", "the translation can be entered: gear, code, bytes, instructions, key, checks, exits")    \
  NOTICE(Refused, "refused", "nothing came of it: no instruction that a translation can hold, or no room: gear")   \
  NOTICE(Dropped, "dropped", "the translation is not entered any more: gear, code, reason")                        \
  NOTICE(Reactivated, "reactivated", "the source of a dropped one is what it was: it can be entered again: gear, code") \
  NOTICE(Chained, "chained", "an exit of the translation leads to another one: gear, code, other")                 \
  NOTICE(Unchained, "unchained", "and no longer does: gear, code, other")                                          \
  NOTICE(Learned, "learned", "it is to be made anew with more care: cause")

enum class NoticeKind : uint8_t {
#define NOTICE(name, text, meaning) name,
  CHRYSALIS_NOTICES(NOTICE)
#undef NOTICE
  kCount
};
inline constexpr const char* kNoticeName[] = {
#define NOTICE(name, text, meaning) text,
    CHRYSALIS_NOTICES(NOTICE)
#undef NOTICE
};

/// DROP_REASON(Name, "name")
#define CHRYSALIS_DROP_REASONS(DROP_REASON)  \
  DROP_REASON(Replaced, "replaced")          \
  DROP_REASON(Evicted, "evicted")            \
  DROP_REASON(CodeChanged, "code changed")   \
  DROP_REASON(MadeAnew, "to be made anew")

enum class DropReason : uint8_t {
#define DROP_REASON(name, text) name,
  CHRYSALIS_DROP_REASONS(DROP_REASON)
#undef DROP_REASON
};
inline constexpr const char* kDropReasonName[] = {
#define DROP_REASON(name, text) text,
    CHRYSALIS_DROP_REASONS(DROP_REASON)
#undef DROP_REASON
};

/// What a region was compiled from, so that the compilation can be repeated elsewhere. Addresses of firmware objects,
/// which have the same layout on the build machine.
struct FormedRegion {
  uint64_t tree;              ///< translator::Region[path_count]
  uint64_t options;           ///< translator::CompileOptions
  uint64_t addresses;         ///< uint32_t[address_count]: by guest instruction, its address
  uint64_t call_outs;         ///< CallOut[call_out_count]
  uint32_t path_count, address_count, call_out_count;
  uint32_t region_size, options_size, inst_size, call_out_size;  ///< sizeof, for whoever relies on the layout
};

struct Notice {
  NoticeKind kind;
  uint8_t gear = 0;
  uint8_t cause = 0;          ///< isa::Cause
  DropReason reason = DropReason::Replaced;
  bool checks = false;        ///< the translation compares its source with what it was
  uint32_t eip = 0;           ///< where the translation begins
  uint32_t other = 0;         ///< guest address that the exit leads to
  uint32_t instructions = 0;  ///< x86 instructions
  uint64_t code = 0;          ///< host address
  uint32_t bytes = 0;
  uint32_t key = 0;           ///< GuestCode::key()
  uint64_t exits = 0;         ///< Exit[exit_count]
  uint32_t exit_count = 0;
  uint32_t first_exit = 0;    ///< number of the first
  FormedRegion formed = {};
};

/// Tells the platform.
void notify(const Notice& notice);

}  // namespace chrysalis::fw
