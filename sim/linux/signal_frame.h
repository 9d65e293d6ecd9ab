// Signal frames on the guest's stack, laid out as a 64-bit Linux kernel does for a 32-bit program.
//
// Source: Linux, arch/x86/kernel/signal_32.c (setup_frame, setup_rt_frame, sigreturn) and fpu/signal.c.
#pragma once

#include <optional>

#include "sim/linux/task.h"

namespace chrysalis::sim::kernel {

/// Saves the interrupted state on the stack and enters the handler. False if the stack is not writable.
/// `fxsr`: the guest processor has FXSAVE, so the frame holds its image after the FSAVE image.
bool push_signal_frame(Task& task, const abi::Siginfo& info, const SignalAction& action, SignalSet saved_mask, bool fxsr);

/// sigreturn and rt_sigreturn: restores what a frame saved. False if it is unreadable or not sane.
/// Segment bases are left for the caller.
bool pop_signal_frame(Task& task, bool rt, bool fxsr);

/// x87 state of a program's start: FNINIT's, tags empty.
void reset_fpu(fw::GuestContext& context);

}  // namespace chrysalis::sim::kernel
