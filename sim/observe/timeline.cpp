#include "sim/observe/timeline.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "sim/error.h"

namespace chrysalis::sim {
namespace {

// Perfetto's threads are our tracks.
constexpr unsigned kCore = 1, kTranslator = 2, kEvents = 3;

bool translated(hw::Mode mode) { return mode >= hw::Mode::Translated1 && mode <= hw::Mode::Translated3; }

}  // namespace

Timeline::Timeline(const std::string& path, const Window& window) : path_(path), out_(path + ".partial", std::ios::binary), window_(window) {
  if (!out_) throw UserError(fmt::format("--timeline {}: cannot be written: {}", path, std::strerror(errno)));
  out_ << "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"unit\":\"1 us is one host cycle\"},\"traceEvents\":[";
  const auto name = [this](unsigned track, const char* text) {
    write(fmt::format(R"({{"name":"thread_name","ph":"M","pid":0,"tid":{},"args":{{"name":"{}"}}}})", track, text));
    write(fmt::format(R"({{"name":"thread_sort_index","ph":"M","pid":0,"tid":{0},"args":{{"sort_index":{0}}}}})", track));
  };
  write(R"({"name":"process_name","ph":"M","pid":0,"args":{"name":"chrysalis"}})");
  name(kCore, "core");
  name(kTranslator, "translations made");
  name(kEvents, "events");
}

Timeline::~Timeline() {
  if (!out_.is_open()) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(path_ + ".partial", ignored);
}

void Timeline::write(const std::string& event) {
  out_ << (first_ ? "\n" : ",\n") << event;
  first_ = false;
}

void Timeline::slice(unsigned track, const std::string& name, const char* category, uint64_t begin, uint64_t end, const std::string& args) {
  write(fmt::format(R"({{"name":"{}","cat":"{}","ph":"X","ts":{},"dur":{},"pid":0,"tid":{},"args":{{{}}}}})", name, category, begin,
                    end - begin, track, args));
}

void Timeline::instant(const std::string& name, const char* category, uint64_t cycle, const std::string& args) {
  write(fmt::format(R"({{"name":"{}","cat":"{}","ph":"i","s":"t","ts":{},"pid":0,"tid":{},"args":{{{}}}}})", name, category, cycle, kEvents, args));
}

void Timeline::close(Slice& open, const char* category, uint64_t cycle) {
  if (open.open && cycle > open.begin) slice(kCore, open.name, category, open.begin, cycle);
  open.open = false;
}

void Timeline::molecule(const hw::Observation& o) {
  const bool inside = window_.contains(o.up, instructions_);
  instructions_ += o.instructions;
  if (!inside) {
    if (inside_) {
      close(translation_, "translation", o.up);
      close(stay_, "mode", o.up);
    }
    inside_ = false;
    return;
  }
  const bool in_translation = o.address - translation_begin_ < translation_end_ - translation_begin_;
  if (!inside_ || o.mode != mode_ || (translated(o.mode) && !in_translation)) {
    close(translation_, "translation", o.up);
    if (!inside_ || o.mode != mode_) {
      close(stay_, "mode", o.up);
      stay_ = {true, o.up, hw::kModeName[static_cast<unsigned>(o.mode)]};
      mode_ = o.mode;
    }
    translation_begin_ = translation_end_ = 0;
    if (translated(o.mode)) {
      auto found = live_.upper_bound(o.address);
      if (found != live_.begin() && o.address < (--found)->second.end) {
        translation_begin_ = found->first;
        translation_end_ = found->second.end;
        translation_ = {true, o.up, fmt::format("0x{:x}", found->second.eip)};
      }
    }
    inside_ = true;
  }
  if (o.event != isa::Cause::None && isa::rolls_back(o.event))
    instant(fmt::format("rollback: {}", isa::name(o.event)), "rollback", o.issued,
            fmt::format(R"("host":"0x{:x}","mode":"{}")", o.address, hw::kModeName[static_cast<unsigned>(o.mode)]));
}

void Timeline::notice(const fw::Notice& notice, uint64_t cycle) {
  const bool inside = window_.contains(cycle, instructions_);
  const auto say = [&](const std::string& name, const char* category, const std::string& args) {
    if (inside) instant(name, category, cycle, args);
  };
  const std::string eip = fmt::format("0x{:x}", notice.eip);
  switch (notice.kind) {
    case fw::NoticeKind::Translating: making_from_ = cycle; break;
    case fw::NoticeKind::Installed:
    case fw::NoticeKind::Refused: {
      const bool made = notice.kind == fw::NoticeKind::Installed;
      uint64_t from = making_from_;
      if (!window_.by_instructions) from = std::max(from, window_.begin);
      if (inside && cycle > from)
        slice(kTranslator, fmt::format("gear {} {}", notice.gear, eip), "translate", from, cycle,
              made ? fmt::format(R"("x86":{},"bytes":{},"host":"0x{:x}")", notice.instructions, notice.bytes, notice.code)
                   : std::string(R"("refused":true)"));
      if (!made) break;
      const unsigned before = gear_[notice.eip];
      gear_[notice.eip] = notice.gear;
      // What lay there before is overwritten.
      auto at = live_.upper_bound(notice.code);
      if (at != live_.begin() && std::prev(at)->second.end > notice.code) --at;
      while (at != live_.end() && at->first < notice.code + notice.bytes) at = live_.erase(at);
      live_[notice.code] = {notice.code + notice.bytes, notice.eip, notice.gear};
      say(fmt::format("gear {} to {}: {}", before, notice.gear, eip), "gear", fmt::format(R"("eip":"{}")", eip));
      break;
    }
    case fw::NoticeKind::Dropped:
      gear_[notice.eip] = 0;
      say(fmt::format("dropped: {}", fw::kDropReasonName[static_cast<unsigned>(notice.reason)]), "drop",
          fmt::format(R"("eip":"{}","gear":{})", eip, notice.gear));
      break;
    case fw::NoticeKind::Reactivated:
      gear_[notice.eip] = notice.gear;
      say("used again", "drop", fmt::format(R"("eip":"{}","gear":{})", eip, notice.gear));
      break;
    case fw::NoticeKind::Chained:
      say("chained", "chain", fmt::format(R"("from":"{}","to":"0x{:x}")", eip, notice.other));
      break;
    case fw::NoticeKind::Unchained:
      say("unchained", "chain", fmt::format(R"("from":"{}","to":"0x{:x}")", eip, notice.other));
      break;
    case fw::NoticeKind::Learned:
      say(fmt::format("to be made anew: {}", isa::name(static_cast<isa::Cause>(notice.cause))), "adapt", fmt::format(R"("eip":"{}")", eip));
      break;
    case fw::NoticeKind::Formed:
    case fw::NoticeKind::kCount: break;
  }
}

void Timeline::end(uint64_t cycle) {
  close(translation_, "translation", cycle);
  close(stay_, "mode", cycle);
  out_ << "\n]}\n";
  out_.close();
  std::error_code error;
  if (out_) std::filesystem::rename(path_ + ".partial", path_, error);
  if (!out_ || error) throw UserError(fmt::format("--timeline {}: cannot be written: {}", path_, error ? error.message() : std::strerror(errno)));
}

}  // namespace chrysalis::sim
