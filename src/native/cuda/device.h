// The CUDA devices: a real one, and the emulated one that runs the same kernels on the host for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../device.h"
#include "precision.h"

namespace ldc::cuda {

// A GPU by its number. TF32 and BF16 need compute capability 8.0; before that a device computes in fp32 whatever is asked for.
// Throws std::runtime_error with the reason where CUDA is not usable.
std::unique_ptr<Device> make_device(int number, Precision precision);

// Why no GPU can be used, in words for people; empty where one can.
std::string why_unusable();

// FLOP/s of a GPU's convolutions at best: its multiprocessors, at their highest clock, times what one does a clock by the data sheets
// (dense, sums in float32); 0 for an architecture that is not known here.
double peak_flops(int number, Precision precision);

// What is known of each GPU that CUDA lists, for people, by its number; none where CUDA is not usable.
std::vector<std::string> gpus();

// What is known of the CUDA installation, for people: build, driver, and one line a GPU.
std::string summary();

// The seed decides in which order blocks and threads run. With checks, accesses to shared memory are followed too.
std::unique_ptr<Device> make_emulated_device(Precision precision, uint64_t seed, bool checks);

}  // namespace ldc::cuda
