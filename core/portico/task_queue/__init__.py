"""The queue in Redis by which workers learn of tasks at once. It has nothing but ids: the rows are the truth.

The queue is arq's. Each entry may be lost, repeated or forged without harm: a worker looks at the row and claims it, or does
not. What no entry tells of, the sweep of `portico.tasks.runner` finds. arq is imported only in this package, and only where
there are workers.
"""

from portico.task_queue.consumer import QueueConsumer
from portico.task_queue.delivery import QueueDelivery
from portico.task_queue.queue import TaskQueue

__all__ = [
    "QueueConsumer",
    "QueueDelivery",
    "TaskQueue",
]
