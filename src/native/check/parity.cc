#include "parity.h"

#include <cmath>
#include <cstdio>

#include "operators.h"

namespace ldc::check_program {

namespace {

// The largest |got - want| / limit; infinite where a value is missing or not finite. The limit of an element is
// base + (2 + u) u magnitude[i], of roundoff u; magnitudes may be missing. What is stored in bf16 is rounded once more.
double share_of_limit(const std::vector<float>& got, const std::vector<float>& want, double base, double u,
                      const std::vector<float>& magnitudes, bool stored_in_bf16) {
  if (got.size() != want.size()) return INFINITY;
  double share = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(got[i]) - want[i]);
    const double computed = base + (i < magnitudes.size() ? (2 + u) * u * std::fabs(magnitudes[i]) : 0.0);
    const double limit = stored_in_bf16 ? computed + u * (std::fabs(want[i]) + computed) : computed;
    if (difference == 0) continue;
    if (!(difference <= limit)) return std::isfinite(difference) && limit > 0 ? difference / limit : INFINITY;
    share = std::fmax(share, difference / limit);
  }
  return share;
}

double largest_of(const std::vector<float>& values) {
  double largest = 0;
  for (const float v : values) largest = std::fmax(largest, std::fabs(v));
  return largest;
}

bool is_convolution(const std::string& op) { return op.find("conv2d") != std::string::npos; }

}  // namespace

Verdict check_folder(Device& device, const std::string& folder, const Rounding& rounding, Device& reference) {
  const Json manifest = Json::parse(read_file(folder + "/manifest.json"));
  std::map<std::string, std::map<std::string, Values>> files;
  Session session(device), bounds(reference);
  Verdict verdict;
  for (const Json& fixture : manifest.at("cases").items()) {
    const std::string& op = fixture.at("op").text();
    if (!runs_operator(op) || fixture.has("expect_error")) continue;  // kernels refuse nothing
    const std::string& file = fixture.at("file").text();
    if (files.count(file) == 0) files[file] = read_safetensors(folder + "/" + file);
    ++verdict.cases;
    const bool rounded = rounding.operands > 0 && is_convolution(op);
    const bool halves = rounded && rounding.features == DType::bf16;
    session.feature_type = halves ? DType::bf16 : DType::f32;
    const Results results = run_case(session, fixture, files[file]);
    const Results magnitudes = rounded ? magnitudes_of_case(bounds, fixture, files[file]) : Results{};
    const auto judge = [&](const std::string& name, const std::string& key) {
      const auto got = results.find(name), magnitude = magnitudes.find(name);
      const std::vector<float>& want = files[file].at(key).data;
      const double base = fixture.at("atol").number() + fixture.at("rtol").number() * largest_of(want);
      const double share = share_of_limit(got == results.end() ? std::vector<float>{} : got->second, want, base, rounding.operands,
                                          magnitude == magnitudes.end() ? std::vector<float>{} : magnitude->second,
                                          halves && (name == "y" || name == "grad.x"));
      const std::string where = fixture.at("id").text() + " " + name;
      ++verdict.tensors;
      if (!(share <= 1)) {
        ++verdict.failed;
        std::printf("FAIL %s: %.3g of its limit\n", where.c_str(), share);
      } else if (share > verdict.largest_share) {
        verdict.largest_share = share;
        verdict.largest_where = where;
      }
    };
    for (const auto& [name, key] : fixture.at("outputs").members()) judge(name, key.text());
    for (const auto& [name, key] : fixture.at("grads").members()) judge("grad." + name, key.text());
  }
  return verdict;
}

}  // namespace ldc::check_program
