// The check of a device: fixtures, layers and recorded steps on it, then the time of every layer and step. Needs no engine: it is a program
// of its own, ldc_check, and a function of the addon, for `ldc doctor --gpu`.
#pragma once

#include <string>
#include <vector>

namespace ldc::check_program {

//   FOLDER... STEP.json... [--layers [--only TEXT] [--batch N] [--size PIXELS]] [--device cpu|cuda|cuda-emulated]
//   [--precision fp32|tf32|bf16] [--seed N] [--unfollowed] [--time] [--peak TFLOPS]
//
// --layers: every convolution of both networks, of images of 256 pixels and a batch of 30 unless told. --unfollowed: the emulated device
// does not follow accesses to shared memory, which is faster. Shares of the peak are of what the device does by its clock and its
// multiprocessors (a CPU: measured), unless --peak says else. Prints what it finds. Returns 0 when every tensor is inside its limit, every
// layer has the same bits again and every step however it is launched, 1 when not, 2 when the call is wrong or the device cannot be used.
int check(const std::vector<std::string>& words);

}  // namespace ldc::check_program
