using Moe.Inference.Graph;

namespace Moe.Inference.Planning;

/// <summary>Checks that every value and all scratch memory fit, and that what is needed at the same time lies apart.</summary>
internal static class MemoryCheck
{
    /// <summary>Checks a plan.</summary>
    /// <exception cref="PlanningException">Two pieces share memory, or one is too small or outside its arena.</exception>
    public static void Run(ExecutionPlan plan)
    {
        List<Piece> alive = [];
        foreach (Piece piece in Pieces(plan).OrderBy(piece => piece.First))
        {
            ArenaSlot slot = piece.Slot;
            if (slot.Bytes < piece.Needed || slot.Offset < 0 || slot.Offset > plan.ArenaBytes[slot.Device] - slot.Bytes)
                throw PlanChecker.Fault(piece.Step, $"needs {piece.Needed} bytes for {piece.Name} and has {slot.Bytes} from byte {slot.Offset} on, in an arena of {plan.ArenaBytes[slot.Device]}");
            alive.RemoveAll(other => other.Last < piece.First);
            foreach (Piece other in alive)
            {
                if (other.Slot.Device == slot.Device && other.Slot.Offset < slot.Offset + slot.Bytes && slot.Offset < other.Slot.Offset + other.Slot.Bytes)
                    throw PlanChecker.Fault(piece.Step, $"has {piece.Name} where {other.Name} is still needed (stages {other.First} to {other.Last})");
            }

            alive.Add(piece);
        }
    }

    private static IEnumerable<Piece> Pieces(ExecutionPlan plan)
    {
        int[] last = new int[plan.Graph.ValueCount];
        Array.Fill(last, -1);
        foreach (PlannedStep step in plan.Steps)
        {
            foreach (GraphValue value in step.Node.Inputs.Concat(step.Node.Outputs))
                last[value.Id] = Math.Max(last[value.Id], step.Stage);
        }

        last[plan.Graph.Logits.Id] = int.MaxValue;
        // Inputs are written before the first stage.
        foreach (GraphValue input in plan.Graph.Inputs.All)
            yield return ValuePiece(plan, plan.Steps[0], input, -1, last);
        foreach (PlannedStep step in plan.Steps)
        {
            foreach (GraphValue output in step.Node.Outputs)
                yield return ValuePiece(plan, step, output, step.Stage, last);
            if (step.Kernel?.ScratchBytes(step.Node, plan.Request.Limits, plan.Request.Options) is > 0 and long scratch)
                yield return new Piece(step, "its scratch memory", step.Scratch, scratch, step.Stage, step.Stage);
        }
    }

    private static Piece ValuePiece(ExecutionPlan plan, PlannedStep step, GraphValue value, int first, int[] last) =>
        new(step, $"'{value.Name}'", plan.Values[value.Id], value.Shape.ByteLength(plan.Request.Limits), first, last[value.Id]);

    private readonly record struct Piece(PlannedStep Step, string Name, ArenaSlot Slot, long Needed, int First, int Last);
}
