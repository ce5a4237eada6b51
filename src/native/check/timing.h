// Times of the network's layers and of whole steps on a device.
#pragma once

#include <string>

#include "../device.h"

namespace ldc::check_program {

// Prints a table: every convolution of LDCNet at 256 x 256 and a batch of 30, forward and both gradients, and the kernels that
// are bound by memory, features in a type, with TFLOP/s and GB/s. Shares are of `peak`, FLOP/s; of nothing where it is 0. `cache`
// bytes are written between repeats, so that nothing is found in a cache of that size; none where it is 0.
void time_layers(Device& device, DType features, double peak, int64_t cache);

// A recorded step, launched as it comes and, on a device that has graphs, as a graph and with images fetched ahead: the digest of its
// results after one step, or two where there are graphs, and with `time` its milliseconds, images/s and TFLOP/s. Whether all ways gave the same bits.
bool check_step(Device& device, const std::string& path, bool graphs, bool time, double peak);

}  // namespace ldc::check_program
