// One run of one guest program: configuration to statistics. What `chrysalis run` and `chrysalis bench` share.
#pragma once

#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/observe/observer.h"

namespace chrysalis::sim {

struct RunRequest {
  std::string machine = "crusoe";  ///< name of a machine file of ours, or a path
  Fidelity fidelity = Fidelity::Cycle;
  FirmwareForm form = FirmwareForm::Core;
  Settings settings;
  Limits limits;
  std::string program;             ///< path on the build machine
  std::vector<std::string> arguments;  ///< argv[1..]
  std::string argv0;               ///< argv[0]; empty: the program's base name
  std::vector<std::string> environment;  ///< NAME=VALUE; nothing is inherited
  std::string sysroot;             ///< empty: the build machine's file system
  std::string translations;        ///< file for every translation as it is installed; empty: none
  bool firmware_by_blocks = false; ///< the firmware has a region for each block: for FirmwareCounts
  bool quiet = false;
  std::vector<RunObserver*> observers;  ///< need Fidelity::Cycle and FirmwareForm::Core
  std::function<void(const struct RunResult&)> at_end;  ///< called once the run has ended, while its machine is there
};

struct RunResult {
  int exit_code = 0;
  StopReason reason = StopReason::Service;
  std::string message;     ///< how the run ended, if not by the guest's exit
  Statistics statistics;
};

/// Runs the program to its end or a limit. Throws UserError for what the user can mend.
RunResult run_program(const RunRequest& request);

}  // namespace chrysalis::sim
