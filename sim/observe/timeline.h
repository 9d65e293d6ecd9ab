// The course of a run as Chrome/Perfetto JSON (ui.perfetto.dev, chrome://tracing): 1 us stands for one host cycle.
#pragma once

#include <fstream>
#include <map>
#include <string>

#include "sim/observe/observer.h"
#include "sim/observe/window.h"

namespace chrysalis::sim {

/// Tracks: what the core is doing (a slice per stay in a mode, within it one per stay in a translation), translations being made,
/// and as instants on a third: changes of gear, chains, rollbacks by cause, translations dropped and why.
///
/// Slices are cut off at the window's edges; instants outside are left out. Written as the run goes, under the name FILE.partial
/// until end().
class Timeline final : public RunObserver {
 public:
  /// Throws UserError if the file cannot be written.
  Timeline(const std::string& path, const Window& window);
  /// Without end(), nothing remains.
  ~Timeline() override;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  void notice(const fw::Notice& notice, uint64_t cycle) override;
  void molecule(const hw::Observation& observation) override;
  void end(uint64_t cycle) override;

 private:
  struct Slice {
    bool open = false;
    uint64_t begin = 0;
    std::string name;
  };

  void write(const std::string& event);
  void slice(unsigned track, const std::string& name, const char* category, uint64_t begin, uint64_t end, const std::string& args = "");
  void instant(const std::string& name, const char* category, uint64_t cycle, const std::string& args);
  void close(Slice& slice, const char* category, uint64_t cycle);

  std::string path_;
  std::ofstream out_;
  Window window_;
  bool first_ = true, inside_ = false;
  uint64_t instructions_ = 0;       ///< committed so far
  hw::Mode mode_ = hw::Mode::kCount;
  Slice stay_, translation_;
  uint64_t translation_begin_ = 0, translation_end_ = 0;  ///< host addresses of the translation that translation_ is about
  uint64_t making_from_ = 0;
  std::map<uint32_t, unsigned> gear_;  ///< by guest address
  struct Live {
    uint64_t end;
    uint32_t eip;
    unsigned gear;
  };
  std::map<uint64_t, Live> live_;      ///< by host address
};

}  // namespace chrysalis::sim
