// Which part of its work a translator is at, for who measures what translation costs.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

#include "translator/passes/passes.h"

namespace chrysalis::translator {

enum class Stage : uint8_t {
#define STAGE(name, text, meaning) name,
#include "translator/stage.def"
#undef STAGE
  kCount
};
inline constexpr unsigned kStages = static_cast<unsigned>(Stage::kCount);

constexpr Stage stage_of(Pass pass) {
  switch (pass) {
#define TRANSLATOR_PASS(name, text, call, usual, does) case Pass::name: return Stage::name;
#define TRANSLATOR_STEP(name, text, usual, does)
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
    default: return Stage::Select;
  }
}

/// Is told when a stage begins, which ends the one before.
class StageClock {
 public:
  virtual void begin(Stage stage) = 0;

 protected:
  ~StageClock() = default;
};

/// The same where there may be no clock.
inline void begin_stage(StageClock* clock, Stage stage) {
  if (clock != nullptr) clock->begin(stage);
}

}  // namespace chrysalis::translator
