// Gradients by recomputation (Chen et al. 2016): a value's record keeps its inputs alone.
#include "handles.h"
#include "shim.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <array>
#include <vector>

using namespace diffract;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace
{
class Recomputed : public Node
{
public:
    Recomputed(const variable_list& inputs, DiffractRecompute recompute, DiffractRelease release, void* context)
        : recompute_(recompute), release_(release), context_(context)
    {
        set_next_edges(torch::autograd::collect_next_edges(inputs));
        for (const auto& input : inputs)
        {
            inputs_.emplace_back(input, false);
        }
    }

    ~Recomputed() override { release_(context_); }

    std::string name() const override { return "diffract::Recomputed"; }

    void release_variables() override
    {
        for (auto& input : inputs_)
        {
            input.reset_data();
        }
    }

    variable_list apply(variable_list&& gradients) override
    {
        variable_list results(inputs_.size());
        if (!gradients[0].defined())
        {
            return results;
        }
        std::vector<void*> inputs, handles(inputs_.size());
        for (auto& input : inputs_)
        {
            inputs.push_back(handle_of(input.unpack()));
        }
        std::array<char, 1000> error{};
        const int status = recompute_(context_, inputs.data(), static_cast<int>(inputs.size()), handle_of(gradients[0]), handles.data(), error.data(), static_cast<int>(error.size()));
        for (size_t i = 0; i < handles.size(); i++)
        {
            if (handles[i])
            {
                results[i] = tensor_of(handles[i]);
                free_handle(handles[i]);
            }
        }
        TORCH_CHECK(status == 0, "recomputing for the backward pass: ", error.data());
        return results;
    }

private:
    std::vector<SavedVariable> inputs_;
    DiffractRecompute recompute_;
    DiffractRelease release_;
    void* context_;
};
} // namespace

int diffract_recomputed(void* value, void* const* inputs, int count, DiffractRecompute recompute, DiffractRelease release, void* context, void** result)
{
    std::shared_ptr<Recomputed> node;
    const int status = guarded([&] {
        variable_list list;
        for (int i = 0; i < count; i++)
        {
            list.push_back(tensor_of(inputs[i]));
        }
        node = std::shared_ptr<Recomputed>(new Recomputed(list, recompute, release, context), torch::autograd::deleteNode);
        auto output = tensor_of(value).detach();
        torch::autograd::create_gradient_edge(output, node);
        *result = handle_of(output);
    });
    if (status != 0 && !node)
    {
        release(context);
    }
    return status;
}
