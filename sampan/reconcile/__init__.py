"""The framework under controllers: queue, controller, manager, leader election, event recorder, clock."""
