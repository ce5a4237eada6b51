// The operator cases of a fixture folder, computed on one device.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json.h"
#include "session.h"

namespace ldc::check_program {

// Results by name: outputs as the manifest calls them, gradients as "grad.<input>".
using Results = std::map<std::string, std::vector<float>>;

// Whether there is a way to run the operator; cases of networks, metrics and readers belong to other programs.
bool runs_operator(const std::string& op);

// `tensors` are those of the case's file. Throws std::runtime_error where the device fails.
Results run_case(Session& session, const Json& fixture, const std::map<std::string, Values>& tensors);

// A convolution case with every input replaced by its magnitude and every difference by a sum: what comes out bounds the sum
// of the magnitudes of the products behind each result. Rounding the operands by u moves a result by (2 u + u^2) of it at most.
Results magnitudes_of_case(Session& session, const Json& fixture, const std::map<std::string, Values>& tensors);

}  // namespace ldc::check_program
