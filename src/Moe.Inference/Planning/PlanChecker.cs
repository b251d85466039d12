using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Looks at a finished plan as somebody who did not make it: every value is written once, before it is read, on the device that reads it; no
/// two values that are needed at the same time share memory; nothing touches memory that a step of another queue still works on. Every plan passes
/// here before it is used.
/// </summary>
internal static class PlanChecker
{
    /// <summary>Checks a plan.</summary>
    /// <returns>The plan.</returns>
    /// <exception cref="PlanningException">The plan is wrong; the message names the step.</exception>
    public static ExecutionPlan Verify(ExecutionPlan plan)
    {
        CheckValues(plan);
        MemoryCheck.Run(plan);
        new HazardCheck(plan).Run();
        return plan;
    }

    /// <summary>What says that a step is wrong.</summary>
    internal static PlanningException Fault(PlannedStep step, string reason) =>
        new(step.Node.Operation.Name, step.Node.Label, step.Device.ToString(), $"step {step.Node.Id} {reason}; this is a mistake of the planner");

    private static void CheckValues(ExecutionPlan plan)
    {
        // The stage in which each value was written.
        int?[] written = new int?[plan.Graph.ValueCount];
        foreach (GraphValue input in plan.Graph.Inputs.All)
            written[input.Id] = int.MinValue;
        int stage = 0;
        for (int i = 0; i < plan.Steps.Count; i++)
        {
            PlannedStep step = plan.Steps[i];
            if (step.Node.Id != i || step.Stage < stage)
                throw Fault(step, $"comes at place {i} in stage {step.Stage}, after stage {stage}");
            stage = step.Stage;
            for (int operand = 0; operand < step.Node.Inputs.Count; operand++)
            {
                GraphValue input = step.Node.Inputs[operand];
                if (!(written[input.Id] < stage))
                    throw Fault(step, $"reads '{input.Name}' {(written[input.Id] is null ? "before it is written" : "in the stage that writes it")}");
                CheckHome(plan, step, input, step.Node.Operation switch { TransferOp transfer => transfer.From, StageExpertsOp when operand == 0 => Device.Cpu, _ => step.Device });
            }

            foreach (GraphValue output in step.Node.Outputs)
            {
                if (written[output.Id] is not null)
                    throw Fault(step, $"writes '{output.Name}' again");
                written[output.Id] = stage;
                CheckHome(plan, step, output, step.Node.Operation is TransferOp transfer ? transfer.To : step.Device);
            }
        }

        if (written[plan.Graph.Logits.Id] is null)
            throw Fault(plan.Steps[^1], $"is the last, and '{plan.Graph.Logits.Name}' is not written");
    }

    private static void CheckHome(ExecutionPlan plan, PlannedStep step, GraphValue value, Device device)
    {
        if (plan.Values[value.Id].Device != device)
            throw Fault(step, $"uses '{value.Name}' on {device}, but its place is on {plan.Values[value.Id].Device}");
    }
}
