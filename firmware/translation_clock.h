// What translating costs, by gear and stage: Mailbox::stage_cycles, and the account's modes translator_1 to _3.
#pragma once

#include "firmware/host.h"
#include "translator/stage.h"

namespace chrysalis::fw {

class TranslationClock final : public translator::StageClock {
 public:
  /// A translation of `gear` begins, at `stage`. The platform charges what follows to that gear, until stop().
  void start(unsigned gear, translator::Stage stage) {
    announce(gear);
    cycles_ = host::mailbox().stage_cycles[gear - 1];
    stage_ = stage;
    since_ = host::read_special<isa::Special::Cycles>();
  }
  void begin(translator::Stage stage) override {
    if (cycles_ == nullptr) return;
    const uint64_t now = host::read_special<isa::Special::Cycles>();
    cycles_[static_cast<unsigned>(stage_)] += now - since_;
    stage_ = stage;
    since_ = now;
  }
  void stop() {
    begin(stage_);
    cycles_ = nullptr;
    announce(0);
  }

 private:
  static void announce(unsigned gear) {
    Mailbox& mailbox = host::mailbox();
    mailbox.argument[0] = gear;
    mailbox.reply = 0;
    host::platform(Service::Translating);
  }

  uint64_t* cycles_ = nullptr;  ///< by stage, of the gear at work; null: none is
  translator::Stage stage_ = {};
  uint64_t since_ = 0;
};

/// A translation's time, from here to the end of the scope.
class Translating {
 public:
  Translating(TranslationClock& clock, unsigned gear, translator::Stage stage) : clock_(clock) { clock.start(gear, stage); }
  ~Translating() { clock_.stop(); }
  Translating(const Translating&) = delete;
  Translating& operator=(const Translating&) = delete;

 private:
  TranslationClock& clock_;
};

}  // namespace chrysalis::fw
